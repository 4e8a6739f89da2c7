"""Print a table of the measures that are named, or of all."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.bench.measures import MEASURES
from tests.bench.result import MissingError, Result, median_of
from tests.bench.sizes import FULL, QUICK
from tests.bench.stage import Stage, filesystem, stage
from tests.bench.systems import missing_peers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--json", action="store_true", help="one object a line instead of the table")
    parser.add_argument("--quick", action="store_true", help="tiny counts: does everything still work?")
    parser.add_argument(
        "--runs", type=int, default=1, help="measure so often, and print the run with the median ratio"
    )
    options = parser.parse_args()
    names: Sequence[str] = options.measures or list(MEASURES)
    if unknown := set(names) - MEASURES.keys():
        parser.error(f"unknown measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")

    progress = Console(stderr=True, highlight=False)
    runs: dict[str, list[list[Result]]] = {name: [] for name in names}
    with stage(QUICK if options.quick else FULL) as place:
        progress.print(_circumstances(place))
        if missing := missing_peers():
            progress.print(f"not installed: {', '.join(missing)}; `just setup-bench` installs them")
        try:
            for number in range(1, options.runs + 1):
                for name in runs:
                    progress.print(f"measuring {name}{f', run {number}' if options.runs > 1 else ''} …")
                    runs[name].append(_measured(name, place))
        finally:  # a measure that breaks, or Ctrl-C, takes none of the others with it
            _print([row for taken in runs.values() for row in median_of(taken)], as_json=options.json)


def _circumstances(place: Stage) -> str:
    return (
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f},"
        f" Python {sys.version.partition(' ')[0]}, PostgreSQL {place.server.installed_version()};"
        f" work directories on {filesystem(place.directory)},"
        f" the database on {filesystem(place.server.place.data)}"
    )


def _measured(name: str, place: Stage) -> list[Result]:
    try:
        return MEASURES[name](place)
    except MissingError as error:
        return [Result(measure=name, ours="not measured", reference=str(error), ratio=None)]


def _print(results: Sequence[Result], *, as_json: bool) -> None:
    if as_json:
        for result in results:
            sys.stdout.write(json.dumps({**asdict(result), "met": result.met}) + "\n")
    else:
        _print_table(results)


def _print_table(results: Sequence[Result]) -> None:
    table = Table("measure", "ours", "reference", "ratio", "goal", "met")
    for result in results:
        table.add_row(
            result.measure,
            result.ours,
            result.reference,
            "-" if result.ratio is None else f"{result.ratio:.2f}",
            "-" if result.goal is None else f"{'≥' if result.at_least else '≤'} {result.goal:g}",
            "-" if result.met is None else "yes" if result.met else "no",
        )
    # In a file it has the width that it needs.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for result in results:
        for note in result.notes:
            console.print(note, markup=False)


if __name__ == "__main__":
    main()
