"""Known faults of the pinned packages, as far as an advisory service answers: `make audit`.

The end says which places have faults, and which nobody looked at; those count neither as clean nor as faulty.
Exit status: 0 all clean, 1 a fault, 3 no fault, but a place that was not looked at.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.environments import ROOT
from tools.supply.places import npm_folders, requirement_files, supply_python

FAULTY, NOT_AUDITED = 1, 3
PIP_AUDIT = ("-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json")
NPM = ("npm", "audit", "--package-lock-only", "--json")


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of the packages of one place: their faults, and why some were not looked at, or none at all."""

    place: str
    faults: tuple[str, ...] = ()
    not_audited: str = ""
    is_unanswered: bool = False


def of_requirements(path: Path, options: Sequence[str] = ()) -> Audit:
    """Ask pip-audit about a file of pinned Python packages. `options` are pip-audit's.

    Raises:
        RuntimeError: pip-audit could not be installed.
    """
    command = (str(supply_python()), *PIP_AUDIT, *options, f"--requirement={path}")
    return read_pip_audit(_shown(path), *_output(command, ROOT))


def of_npm(folder: Path, options: Sequence[str] = ()) -> Audit:
    """Ask npm about the packages that a folder pins. `options` are npm's."""
    return read_npm_audit(_shown(folder), *_output((*NPM, *options), folder))


def read_pip_audit(place: str, output: str, errors: str) -> Audit:
    """Return what pip-audit says. A package that the service does not know was not looked at."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _unanswered(place, errors)
    faults = tuple(
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package in packages
        for fault in package.get("vulns", [])
    )
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    why = f"the service does not know {len(skipped)} of {len(packages)} packages" if skipped else ""
    return Audit(place, faults, why, is_unanswered=len(skipped) == len(packages))


def read_npm_audit(place: str, output: str, errors: str) -> Audit:
    """Return what npm says."""
    try:
        answer = json.loads(output)
        found = answer["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return _unanswered(place, errors)
    return Audit(place, tuple(f"{name}: {fault['severity']}, {fault['range']}" for name, fault in found.items()))


def audited(asks: Iterable[tuple[str, Callable[[], Audit]]]) -> list[Audit]:
    """Ask about places in turn. After one about which the service says nothing, it is asked no more."""
    found: list[Audit] = []
    for place, ask in asks:
        if found and found[-1].is_unanswered:
            found.append(_unanswered(place, "not asked, since the service did not answer before"))
        else:
            found.append(ask())
    return found


def told(audits: Iterable[Audit]) -> tuple[str, int]:
    """Return the text of all audits, and the exit status."""
    lines, faulty, unknown = [], [], []
    for audit in audits:
        lines += [f"{audit.place}: {fault}" for fault in audit.faults]
        if audit.faults:
            faulty.append(audit.place)
        if audit.not_audited:
            unknown.append(audit.place)
            lines.append(f"{audit.place}: NOT AUDITED: {audit.not_audited}")
        elif not audit.faults:
            lines.append(f"{audit.place}: clean")
    if faulty:
        lines.append(f"Known faults in: {', '.join(faulty)}")
    if unknown:
        lines.append(f"Neither clean nor faulty, since nobody looked: {', '.join(unknown)}")
    return "\n".join(lines), FAULTY if faulty else NOT_AUDITED if unknown else 0


def main() -> None:
    """Audit every place, print what is known, and leave with the exit status."""
    shortest_first = sorted(requirement_files(), key=lambda path: path.stat().st_size)
    python = [(_shown(path), partial(of_requirements, path)) for path in shortest_first]
    npm = [(_shown(folder), partial(of_npm, folder)) for folder in npm_folders()]
    text, status = told(audited(python) + audited(npm))
    print(text)
    sys.exit(status)


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _output(command: tuple[str, ...], folder: Path) -> tuple[str, str]:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout, done.stderr


def _unanswered(place: str, errors: str) -> Audit:
    lines = [line for line in errors.splitlines() if line and "A complete log" not in line]
    why = lines[-1][:200] if lines else "the tool said nothing"
    return Audit(place, not_audited=why, is_unanswered=True)


if __name__ == "__main__":
    main()
