"""Software bills of materials in CycloneDX's JSON: `make sbom`, or `python -m tools.supply.bills FOLDER`.

One of the Python environment, one of what each Lambda's bundle carries, one of each folder of npm packages.
https://cyclonedx.org/docs/1.6/json/
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.environments import ROOT
from tools.supply.places import name_of, npm_folders, of_functions, supply_python

Bill = Mapping[str, Any]
PYTHON = "python"
# Their own validator takes a tenth of a second for each package; `valid.py` takes the same schemas.
CYCLONEDX = ("-m", "cyclonedx_py")
QUICK = ("--no-validate", "--output-reproducible")
NPM = ("npm", "sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=application", "--loglevel=error")
# npm writes such an address of Git as the package states it, and the schema wants a URL.
SSH = re.compile(r"([\w.-]+@[\w.-]+):(?!/)")


def bills() -> dict[str, Bill]:
    """Return the bills by name.

    Raises:
        RuntimeError: a tool failed; the text has its output.
    """
    found = {PYTHON: of_environment(Path(sys.executable))}
    pyproject = f"--pyproject={ROOT / 'pyproject.toml'}"
    for path in of_functions():
        found[name_of(path)] = _cyclonedx("requirements", pyproject, str(path))
    return found | {name_of(folder): of_npm(folder) for folder in npm_folders()}


def of_environment(python: Path) -> Bill:
    """Return the bill of what is installed for a Python."""
    return _cyclonedx("environment", f"--pyproject={ROOT / 'pyproject.toml'}", str(python))


def of_npm(folder: Path) -> Bill:
    """Return the bill of the packages that a folder pins, those for other systems among them."""
    bill: Bill = json.loads(_output(NPM, folder))
    for component in bill["components"]:
        for reference in component.get("externalReferences", []):
            reference["url"] = SSH.sub(r"ssh://\1/", reference["url"])
    return bill


def faults(written: Mapping[str, Bill]) -> Iterator[str]:
    """Yield what CycloneDX's schema refuses in bills: the name, the place and why."""
    validator = [str(supply_python()), str(Path(__file__).with_name("valid.py"))]
    done = subprocess.run(validator, input=json.dumps(written), check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stderr)
    yield from done.stdout.splitlines()


def _cyclonedx(kind: str, *arguments: str) -> Bill:
    bill: Bill = json.loads(_output((str(supply_python()), *CYCLONEDX, kind, *QUICK, *arguments), ROOT))
    return bill


def _output(command: tuple[str, ...], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Write the bills into a folder, and stop if one is not as the schema wants it."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = bills()
    if wrong := list(faults(made)):
        sys.exit("\n".join(wrong))
    for name, bill in made.items():
        path = folder / f"{name}.cdx.json"
        path.write_text(json.dumps(bill, indent=1), encoding="utf-8")
        print(f"{path}: {len(bill['components'])} packages")


if __name__ == "__main__":
    main()
