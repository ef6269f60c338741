"""`make backup` and `make restore`: `python -m tools.backup save --stack Cadfeed`. `--help` tells the options."""

import argparse
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress

from shared.store.candles_table import NotWritten
from tools.backup.candles import candles_of, restore
from tools.backup.file import OWN, PAST, BadBackup, Header, read, read_header, write
from tools.deployment import LOCAL, Deployment, NotFound, find
from tools.local.aws import ROOT

FOLDER = ROOT / "backups"
# Settings that belong to the stack that was saved, and not to the one that a backup is restored into.
OF_ONE_STACK = {"stack_name", "connections_url_base", "cli_credentials", "native_wheels", "quotes_table_name"}


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when all of it is done, else 1 after saying why."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        deployment = find(options.stack, options.state)
        console.print(f"stack {deployment.stack}, table {deployment.quotes_table} in {deployment.region}", markup=False)
        options.act(deployment, options.file, console)
    except (NotFound, BadBackup, OSError, ValueError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except (NotWritten, ClientError, BotoCoreError) as error:
        why = error.__cause__ or error
        console.print(f"DynamoDB did not do it: {why}. Run the same command again.", style="red", markup=False)
        return 1
    return 0


def save(deployment: Deployment, file: Path | None, console: Console) -> None:
    """Write every candle of a deployment, and its settings, to a file."""
    now_ms = time.time_ns() // 1_000_000
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    path = file or FOLDER / f"{deployment.stack}-{stamp}.jsonl.gz"
    header = Header(
        deployment.stack, deployment.quotes_table, deployment.region, now_ms, deployment.settings, counts={}
    )
    table = deployment.table()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading", total=table.item_count or None)  # DynamoDB counts every six hours
        saved = write(path, header, candles_of(table, lambda items: bar.update(task, completed=items)))
    console.print(f"{_counted(saved)} to {path} ({path.stat().st_size:,} bytes)", markup=False)


def bring_back(deployment: Deployment, file: Path | None, console: Console) -> None:
    """Write the candles of a file that a deployment lacks.

    Raises:
        BadBackup: the file cannot be used, or none is named. Nothing was written.
    """
    if file is None:
        raise BadBackup("name the file to restore: FILE=backups/…")
    header = read_header(file)
    when = datetime.fromtimestamp(header.saved_ms / 1000, UTC).isoformat(timespec="seconds")
    console.print(f"{file}: {_counted(header)}, saved {when} from {header.stack} in {header.region}", markup=False)
    total = sum(header.counts.values())
    with Progress(console=console, transient=True) as bar:
        checked = bar.add_task("checking the file", total=total)
        for number, _ in enumerate(read(file), 1):
            if not number % 1000:
                bar.update(checked, completed=number)
        bar.update(checked, completed=total)
        task = bar.add_task("restoring", total=total)
        restored = restore(
            deployment.table(),
            read(file),
            lambda done: bar.update(task, completed=done),
            now_ms=time.time_ns() // 1_000_000,
        )
    written = f"{restored.written[OWN]:,} own and {restored.written[PAST]:,} past candles"
    console.print(f"restored {written}; {restored.there:,} were there, {restored.expired:,} had expired", markup=False)
    _tell_settings(header, deployment, console)


def _tell_settings(header: Header, deployment: Deployment, console: Console) -> None:
    """Settings are made by a deployment, so a restore can only say what to deploy."""
    here = deployment.settings
    other = {name: value for name, value in header.settings.items() if name not in OF_ONE_STACK}
    differ = {name: value for name, value in other.items() if name not in here or here[name] != value}
    if differ:
        given = " ".join(f"-c {shlex.quote(f'{name}={_text(value)}')}" for name, value in differ.items())
        console.print(f"{header.stack} had other settings; to have them here: make deploy ARGS={shlex.quote(given)}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counted(header: Header) -> str:
    return f"{header.counts[OWN]:,} own and {header.counts[PAST]:,} past candles"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.backup", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, act, told in (
        ("save", save, "write the candles and the settings of a deployment to a file"),
        ("restore", bring_back, "write the candles of a file that a deployment lacks"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.set_defaults(act=act)
        command.add_argument("--stack", default="", help="on AWS (default: the local stack that runs)")
        command.add_argument("--file", type=Path, help="the backup (default of save: one in backups/)")
        command.add_argument("--state", type=Path, default=LOCAL, help="the folder of the local stack")
    return parser


if __name__ == "__main__":
    sys.exit(main())
