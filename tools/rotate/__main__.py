"""`make rotate`: `python -m tools.rotate --stack Cadfeed`. `--help` tells the options."""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from shared.connecting.secret_pair import READ_EVERY_S
from tools.deployment import LOCAL, NotFound, find
from tools.rotate.steps import CannotRotate, Rotation
from tools.stored_secret import ORIGIN, TOKENS

MARGIN_S = 30  # for a function that reads slowly
SECRETS = {"origin": ORIGIN, "tokens": TOKENS}


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when it is done, else 1 after saying why."""
    options = _parser().parse_args(arguments)
    try:
        rotation = Rotation(find(options.stack, options.state), options.wait, _say, SECRETS[options.secret])
        rotation.finish() if options.finish else rotation.rotate()
    except (NotFound, CannotRotate) as error:
        _say(str(error))
        return 1
    except (ClientError, BotoCoreError, WaiterError) as error:
        _say(f"AWS did not do it: {error}. Nobody is locked out; run the same command again.")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.rotate", description="Replaces a secret.")
    parser.add_argument("--stack", default="", help="on AWS; without it, the local stack that runs")
    parser.add_argument("--state", type=Path, default=LOCAL, help="where the local stack keeps its state")
    parser.add_argument("--secret", choices=SECRETS, default="origin", help="what the edge sends, or the tokens' key")
    parser.add_argument("--finish", action="store_true", help="make the old secret invalid")
    parser.add_argument(
        "--wait", type=float, default=READ_EVERY_S + MARGIN_S, help="seconds until all functions know a new secret"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
