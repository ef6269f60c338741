"""The tables generated from the code are up to date."""

from decimal import Decimal

import pytest

from shared.sources.settings import source_settings
from tools.cost.crossover import cheaper
from tools.cost.designs import Design, Service, bill
from tools.cost.workload import Options
from tools.tables import DEPLOYMENTS, PICTURES, ROOT, TABLES, bill_of_this_design, cheapest, renewed, sources


@pytest.mark.parametrize("name", TABLES)
def test_a_document_has_its_tables_as_the_code_is(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert renewed(text, TABLES[name]) == text, "renew it with: python -m tools.tables"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_as_the_code_draws_it(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PICTURES[name](), "renew it with: python -m tools.tables"


def test_the_readme_shows_the_bill_of_each_size() -> None:
    made = bill(Design.THIS, Options(1_000))
    row = (made.total, made[Service.MESSAGES], made[Service.TRANSFER])
    assert f"| 1,000 | {' | '.join(f'{dollars:,.2f}' for dollars in row)} |" in bill_of_this_design().splitlines()
    nobody = bill(Design.THIS, Options(0)).total
    assert f"| none | {nobody:,.2f} | - | - |" in bill_of_this_design().splitlines()


def test_a_row_says_where_another_design_is_cheaper() -> None:
    rows = cheapest().splitlines()
    assert len(rows) == 2 + len(DEPLOYMENTS)
    ((first, last),) = ((each.first, each.last) for each in cheaper(Design.APPSYNC, Options(1, symbols=20)))
    assert rows[2 + list(DEPLOYMENTS).index("`ARGS='--symbols 20'`")].split(" | ")[1] == f"{first:,} to {last:,}"
    assert DEPLOYMENTS["`ARGS='--quiet 50'`"].quiet == Decimal("0.5")


def test_the_table_of_sources_names_every_setting() -> None:
    assert all(f"`{setting.name}`" in sources() for setting in source_settings())


def test_a_document_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the markers <!-- sources: … -->"):
        renewed("# A document", {"sources": sources})
