"""Changes the code in small ways, one after another, and runs the tests that reach each: `make mutants`.

    python -m tools.mutants --only shared/pricing
    python -m tools.mutants --only shared/pricing --again     # only what survived the last time

Ends with a table, and with exit code 1 if a survivor is not in `survivors.toml`, the run is not complete, or fewer
than 95 % were noticed.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Mapping

from tools.mutants.report import as_text, rows
from tools.mutants.room import Mutant, rooms
from tools.mutants.survivors import Change, listed, stale, unlisted

FEWEST_CAUGHT = 95.0  # percent
NOTICED = ("caught", "timed out", "typed")


def main() -> int:
    arguments = _arguments()
    reasons = listed()
    chosen = [room for each in rooms() if (room := each.only(arguments.only))]
    if not chosen:
        patterns = ", ".join(pattern for room in rooms() for pattern in room.mutated)
        print(f"nothing begins with {arguments.only!r} that rooms.toml has: {patterns}", file=sys.stderr)
        return 2
    began_s = time.monotonic()
    mutants: list[Mutant] = []
    survived: list[Change] = []
    failed = False
    for room in chosen:
        print(f"{room.name}: {', '.join(room.mutated)}", flush=True)
        if not arguments.report:
            room.prepare(afresh=not arguments.again)
            failed = room.run() != 0 or failed
        found = room.results()
        mutants += found
        survived += [room.change(mutant) for mutant in found if mutant.outcome not in NOTICED]
    failed = failed or not mutants or any(mutant.outcome == "unchecked" for mutant in mutants)
    return _report(mutants, survived, reasons_of=reasons, failed=failed, minutes=(time.monotonic() - began_s) / 60)


def _report(
    mutants: list[Mutant], survived: list[Change], *, reasons_of: Mapping[Change, str], failed: bool, minutes: float
) -> int:
    new = unlisted(survived, reasons_of)
    if new:
        print(f"\n{len(new)} survivors are not in survivors.toml. Catch each by a test, or list it with its reason:\n")
        print("\n\n".join(change.as_entry() for change in new))
    modules = sorted({mutant.path.removesuffix(".py").replace("/", ".") for mutant in mutants})
    for change in stale(reasons_of, survived, modules):
        print(f"\nstale in survivors.toml, since a test caught it or the code changed: {change}")
    table = rows(mutants)
    typed = sum(mutant.outcome == "typed" for mutant in mutants)
    print(f"\n{as_text(table)}\n\n{minutes:.0f} minutes; {typed:,} more were refused by mypy")
    if failed:
        print("the run is not complete, see above")
    too_few = table[-1].share < FEWEST_CAUGHT
    if too_few:
        print(f"at least {FEWEST_CAUGHT:.0f} % have to be noticed")
    return 1 if new or failed or too_few else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATH", help="the beginning of the files' paths: shared/pricing")
    parser.add_argument("--again", action="store_true", help="keep the last results, run only the survivors")
    parser.add_argument("--report", action="store_true", help="run nothing, show the last results")
    return parser.parse_args()


if __name__ == "__main__":
    if not shutil.which("mutmut"):
        sys.exit("mutmut is not installed; make mutants installs it")
    sys.exit(main())
