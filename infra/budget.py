"""What a day may cost: alarms on the messages that cost most, and an AWS Budget for the whole bill.

https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
"""

from collections.abc import Callable

from aws_cdk import Duration
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.api import Api
from infra.config import FeedConfig
from infra.function import FeedFunction
from tools.cost.prices import API_GATEWAY_MESSAGE, MILLION

DAY = Duration.days(1)


def messages_for(dollars: int) -> int:
    """How many messages a budget pays for, at the price of the month's first ones, if nothing else cost anything."""
    return int(dollars * MILLION / API_GATEWAY_MESSAGE.of(MILLION))


def watch_posts(alarm: Callable[..., None], prefix: str, poster: FeedFunction, dollars: int) -> None:
    """Posts within any 24 hours. Messages are most of the bill, so they alone may use the budget up."""
    alarm(
        f"{prefix}PostsOverBudget",
        poster.metric("Posts", "Sum").with_(period=DAY),
        f"In a day {poster.service} has made more posts than daily_budget_usd pays for: look at the number of "
        "connections and at the channels that they subscribe to.",
        threshold=messages_for(dollars),
    )


def watch_messages(alarm: Callable[..., None], api: Api, dollars: int) -> None:
    """Messages within any 24 hours, from clients and to them, so answers as well."""
    alarm(
        "MessagesOverBudget",
        api.metric("MessageCount", period=DAY),
        "In a day there were more messages from and to clients than daily_budget_usd pays for: look at who sends most "
        "in the access log.",
        threshold=messages_for(dollars),
    )


class Budget(Construct):
    """A budget of the account's whole bill: AWS tells a stack's part only once its tags are activated for billing."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig) -> None:
        super().__init__(scope, construct_id)
        budgets.CfnBudget(
            self,
            "Daily",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="DAILY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=config.daily_budget_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN", notification_type="ACTUAL", threshold=100
                    ),
                    subscribers=[
                        budgets.CfnBudget.SubscriberProperty(address=config.alarm_email, subscription_type="EMAIL")
                    ],
                )
            ],
        )
