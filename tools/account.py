"""Shows which AWS account and Region a command will act on, and asks: `python -m tools.account deploy`."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main() -> int:
    """0 when the person said yes, 1 when they did not, or no account could be found."""
    act = sys.argv[1] if len(sys.argv) == 2 else "act on"
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name  # as the CDK CLI looks for it
    if not region:
        sys.stderr.write("no Region is set: AWS_REGION=ca-central-1, or `aws configure`\n")
        return 1
    try:
        identity = boto3.client("sts", region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"no AWS account: {error}\nSet AWS_PROFILE, or sign in with `aws sso login`.\n")
        return 1
    sys.stderr.write(f"account  {identity['Account']}\nas       {identity['Arn']}\nRegion   {region}\n")
    if not sys.stdin.isatty():
        sys.stderr.write("not at a terminal: nobody to ask. Run the CDK CLI itself: tools/node_modules/.bin/cdk\n")
        return 1
    sys.stderr.write(f"{act} there? [y/N] ")
    sys.stderr.flush()
    return 0 if sys.stdin.readline().strip().lower() in {"y", "yes"} else 1


if __name__ == "__main__":
    sys.exit(main())
