"""Keeps what the CDK app writes for a deployment: it takes ten seconds of a core, and the same code with the same
settings writes the same, but for the ports of this machine.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp

ADDRESS = "127.0.0.1:"
PORT = re.compile(rf"(?<={re.escape(ADDRESS)})\d+")
# What the app reads. Bundles are named by their content, so an assembly names them.
READ = ("infra", "functions", "shared", "tools/cost", "cdk*.json", "requirements*.txt")
# With these the app asks AWS for something.
LOOKED_UP = ("quotes_table_name",)
MOST_KEPT = 50  # of half a megabyte
MOST_ARCHIVES = 60  # of three megabytes


class Assemblies:
    """The assemblies of the app in `root`, with these settings."""

    def __init__(self, root: Path, settings: Mapping[str, str]) -> None:
        stated = json.dumps(settings, sort_keys=True)
        ports = dict.fromkeys(PORT.findall(stated))
        self._folder = root / ".local" / "assemblies"
        self._marks = {port: f"<port {number}>" for number, port in enumerate(ports)}
        self._depends_on_no_more = settings.get("site") == "false" and not any(map(settings.get, LOOKED_UP))
        text = f"{sys.executable}\n{sys.version}\n{self._marked(stated)}"
        self._kept = self._folder / _digest(root, text)

    def take(self, assembly: Path) -> bool:
        """Write the assembly that is kept to an empty folder, for the ports of these settings. Returns whether there is
        one, with all its bundles."""
        needed = [self._kept, *_bundles(self._kept)]
        if not all(path.exists() for path in needed):
            return False
        for path in needed:
            os.utime(path)  # else it is deleted some day
        shutil.copytree(self._kept, assembly, dirs_exist_ok=True)
        ports = {mark: port for port, mark in self._marks.items()}
        for path in assembly.iterdir():
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r"<port \d+>", lambda found: ports[found[0]], text), encoding="utf-8")
        _name_templates(assembly)
        return True

    def keep(self, assembly: Path) -> None:
        """Keep an assembly that the app has written, unless it was not made of its code and settings alone. One with
        folders in it has more than texts, and is not kept either."""
        if not self._depends_on_no_more or not all(path.is_file() for path in assembly.iterdir()):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        copy = Path(mkdtemp(dir=self._folder))
        for path in assembly.iterdir():
            (copy / path.name).write_text(self._marked(path.read_text(encoding="utf-8")), encoding="utf-8")
        shutil.rmtree(self._kept, ignore_errors=True)
        try:
            copy.rename(self._kept)
        except OSError:  # another process has kept the same
            shutil.rmtree(copy)
        for old in _all_but_newest(self._folder, MOST_KEPT):
            shutil.rmtree(old, ignore_errors=True)

    def _marked(self, text: str) -> str:
        return PORT.sub(lambda found: self._marks.get(found[0], found[0]), text)


def share_archives(root: Path, assembly: Path) -> None:
    """Let the CDK CLI keep the archives of bundles that it makes for an assembly for all others, too: making them takes
    ten seconds of a core. It names each by its content, and moves it to its place when it is whole."""
    shared = root / ".local" / "archives"
    shared.mkdir(parents=True, exist_ok=True)
    for old in _all_but_newest(shared, MOST_ARCHIVES):
        old.unlink(missing_ok=True)
    if not (cache := assembly / ".cache").exists():
        cache.symlink_to(shared, target_is_directory=True)


def _all_but_newest(folder: Path, most: int) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)[:-most]


def _digest(root: Path, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for pattern in READ:
        for start in sorted(root.glob(pattern)):
            files = [start] if start.is_file() else sorted(start.rglob("*"))
            for path in files:
                if path.is_file() and path.suffix != ".pyc":
                    digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _bundles(assembly: Path) -> Iterator[Path]:
    """The folders outside the assembly that it names."""
    for manifest in assembly.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text(encoding="utf-8"))["files"].values():
            if (path := Path(asset["source"]["path"])).is_absolute():
                yield path


def _name_templates(assembly: Path) -> None:
    """Name each template by its content again: the CDK CLI uploads no template whose name is there already."""
    for manifest in assembly.glob("*.assets.json"):
        for name, asset in json.loads(manifest.read_text(encoding="utf-8"))["files"].items():
            template = assembly / asset["source"]["path"]
            if template.is_file():
                content = hashlib.sha256(template.read_bytes()).hexdigest()
                for path in assembly.iterdir():
                    path.write_text(path.read_text(encoding="utf-8").replace(name, content), encoding="utf-8")
