"""How much a client adds to a bundle: `python -m tools.bench.carried NAME ...` prints MB, unpacked, per package.

It counts the package and its dependencies, in the wheels for this system and Python. It leaves out boto3 and its
dependencies, which the Lambda runtime has. https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
OWN_BOTOCORE = {"aiobotocore"}  # supports few versions of botocore and cannot use the runtime's


def carried_mb(package: str) -> float:
    """Return the size in MB (a million bytes), without byte code, which is made later."""
    brought = RUNTIME - {"botocore"} if package in OWN_BOTOCORE else RUNTIME
    return sum(_size(name) for name in _needed(package) - brought) / 1e6


def _needed(package: str) -> set[str]:
    found: set[str] = set()
    waiting = [package]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # its marker is for another system or Python
        found.add(name)
        plain = (text for text in requirements if "extra ==" not in text)
        waiting += [match[0] for text in plain if (match := re.match(r"[\w.-]+", text))]
    return found


def _size(name: str) -> int:
    files = distribution(name).files or []
    paths = [Path(str(file.locate())) for file in files if not str(file).endswith(".pyc")]
    return sum(path.stat().st_size for path in paths if path.exists())


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: carried_mb(name) for name in sys.argv[1:]}) + "\n")
