"""The client stands alone: it needs `websockets` and nothing of this repository."""

import ast
import asyncio
import inspect
import re
import shutil
import sys
from pathlib import Path

import pytest

import cadfeed_client
from tests.client.servers import DEADLINE_S, serving, steady

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "clients" / "python" / "cadfeed_client"
GUIDE = ROOT / "docs" / "protocol.md"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_the_client_imports_only_websockets(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "it may leave its folder"
            modules = [] if node.level else [node.module or ""]
        else:
            continue
        for module in modules:
            assert module.partition(".")[0] in {*sys.stdlib_module_names, "websockets"}


async def first_lines(program: str, folder: Path, count: int) -> list[str]:
    """Return the program's first lines of output when run in that folder."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", program), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        async with asyncio.timeout(DEADLINE_S):
            return [(await process.stdout.readline()).decode().rstrip() for _ in range(count)]
    finally:
        process.kill()
        await process.wait()


def run(example: str, folder: Path) -> list[str]:
    async def scene() -> list[str]:
        async with serving(steady) as url:
            program, addresses = re.subn(r'"wss://[^"]*"', f'"{url}"', example)
            assert addresses == 1
            return await first_lines(program, folder, 2)

    return asyncio.run(scene())


def test_the_example_of_the_guide_runs() -> None:
    examples: list[str] = EXAMPLE.findall(GUIDE.read_text(encoding="utf-8"))
    ours = [example for example in examples if "import Feed" in example]
    assert len(ours) == 1
    assert len([line for line in ours[0].splitlines() if line.strip()]) <= 10
    lines = run(ours[0], ROOT)
    assert {line.split()[0] for line in lines} == {"BTC_CAD", "ETH_CAD"}


def test_the_example_runs_with_a_copy_of_the_folder(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "quotes")
    (example,) = EXAMPLE.findall(inspect.getdoc(cadfeed_client) or "")
    lines = run(example.replace("cadfeed_client", "quotes"), tmp_path)
    assert {line.split()[0] for line in lines} == {"BTC_CAD", "ETH_CAD"}
