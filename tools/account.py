"""Shows which AWS account and Region a command will change, how, and how to undo it; then asks.

`python -m tools.account deploy`
"""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

EFFECTS = {
    "bootstrap": """\
makes   the stack CDKToolkit: a bucket and a repository for what is deployed, and the roles of the CDK CLI
undo    empty the bucket, then `aws cloudformation delete-stack --stack-name CDKToolkit`
""",
    "deploy": """\
makes   the stack of the feed, or changes it; unless access_log_role=false, the role with which API Gateway logs, too
undo    `make destroy`; it leaves the quotes table and that role
""",
}


def main() -> int:
    """0 when the person said yes, 1 when they did not, or no account could be found."""
    act = sys.argv[1]
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name  # as the CDK CLI looks for it
    if not region:
        sys.stderr.write("no Region is set: AWS_REGION=ca-central-1, or `aws configure`\n")
        return 1
    try:
        identity = boto3.client("sts", region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"no AWS account: {error}\nSet AWS_PROFILE, or sign in with `aws sso login`.\n")
        return 1
    sys.stderr.write(f"account  {identity['Account']}\nas       {identity['Arn']}\nRegion   {region}\n{EFFECTS[act]}")
    if not sys.stdin.isatty():
        sys.stderr.write("not at a terminal: nobody to ask. Run the CDK CLI itself: tools/node_modules/.bin/cdk\n")
        return 1
    sys.stderr.write(f"{act} there? [y/N] ")
    sys.stderr.flush()
    return 0 if sys.stdin.readline().strip().lower() in {"y", "yes"} else 1


if __name__ == "__main__":
    sys.exit(main())
