"""What `make run` says and takes."""

import argparse
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tools.local.__main__ import _parser, _require_free
from tools.local.aws import CannotStart

ROOT = Path(__file__).parents[3]


def options_of(*arguments: str) -> argparse.Namespace:
    """Return the options that `make` with these arguments would pass to the local stack."""
    run = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    command = next(line for line in run.stdout.splitlines() if " -m tools.local " in line)
    return _parser().parse_args(command.partition(" -m tools.local ")[2].split())


@pytest.mark.parametrize(("name", "option"), [("PORT", "port"), ("AWS_PORT", "aws_port")])
def test_the_way_out_of_a_taken_port_works(name: str, option: str) -> None:
    """`make` reads the variable that the error names, and the port arrives where it is meant to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            _require_free(port, name)
    advised = re.search(r"`make (run .*)`", str(refused.value))
    assert advised
    assert getattr(options_of(*advised[1].split()), option) == port + 1


@pytest.mark.parametrize(("name", "option"), [("PORT", "port"), ("AWS_PORT", "aws_port")])
def test_an_empty_port_is_any_free_one(name: str, option: str) -> None:
    assert getattr(options_of("run", f"{name}="), option) == 0
