"""Where the repository pins packages of others, and the environment of the tools that look at them."""

from pathlib import Path

from tools.environments import ROOT, python_with

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
NOT_OURS = {"node_modules", ".venv", ".local", "cdk.out"}


def requirement_files() -> list[Path]:
    """Return every file of pinned Python packages."""
    return _ours("requirements*.txt")


def npm_folders() -> list[Path]:
    """Return every folder of pinned npm packages."""
    return [path.parent for path in _ours("package-lock.json")]


def of_functions() -> list[Path]:
    """Return the files of pinned packages that the Lambdas carry."""
    return [path for path in requirement_files() if path.is_relative_to(ROOT / "functions")]


def name_of(path: Path) -> str:
    """Return a name for a place: its folder in the repository, with `-` between the parts."""
    folder = path if path.is_dir() else path.parent
    return "-".join(folder.relative_to(ROOT).parts)


def supply_python() -> Path:
    """Return the Python that has pip-audit and CycloneDX's tools.

    Raises:
        RuntimeError: they could not be installed.
    """
    return python_with("supply", REQUIREMENTS)


def _ours(pattern: str) -> list[Path]:
    found = sorted(ROOT.rglob(pattern))
    return [path for path in found if not NOT_OURS.intersection(path.relative_to(ROOT).parts)]
