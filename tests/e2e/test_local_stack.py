"""`make run` for a user: its output, a taken port, Ctrl-C, a start after a killed one."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from tests.e2e.local_stack import ROOT, programs_of
from tools.local.aws import RUNNING

COMMAND = [sys.executable, "-m", "tools.local", "--port=0", "--simulated"]


def started(state: Path) -> "subprocess.Popen[str]":
    state.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*COMMAND, "--json", f"--state={state}"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def addresses(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stdout
    found: dict[str, str] = json.loads(process.stdout.readline())
    return found


def test_a_start_after_a_kill_finds_nothing_left_over(tmp_path: Path) -> None:
    """Ctrl-C leaves nothing behind either."""
    state = tmp_path / "state"
    killed = started(state)
    first = addresses(killed)
    killed.kill()
    killed.wait()
    assert requests.get(f"{first['aws']}/_ministack/health", timeout=10).ok  # it outlives its parent
    second = started(state)
    found = addresses(second)
    assert found["ca"] == first["ca"]
    assert not answers(first["aws"])
    page = requests.get(found["dashboard"], verify=found["ca"], timeout=10)
    assert page.ok
    assert "cadfeed" in page.text
    assert json.loads((state / RUNNING).read_text(encoding="utf-8")) == found
    os.kill(second.pid, signal.SIGINT)
    assert second.wait(30) == 0
    assert not answers(found["aws"])
    assert not answers(found["exchange"])
    assert not (state / RUNNING).exists()
    assert not programs_of(state)


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, f"--state={tmp_path}"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    while "MiniStack" not in (line := process.stdout.readline()):
        assert line, "it ended before AWS was up"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not programs_of(tmp_path)


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tools.local", "--simulated", f"--port={port}", f"--state={tmp_path}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stdout
    assert f"make run PORT={port + 1}" in done.stdout


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=2)
    except requests.ConnectionError:
        return False
    return True
