"""Print a table of the measures that are named, or of all; `--json` prints one object a line instead."""

import json
import os
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.bench.measures import MEASURES
from tests.bench.result import Result
from tests.bench.stage import stage


def main() -> None:
    names = [argument for argument in sys.argv[1:] if argument != "--json"] or list(MEASURES)
    if unknown := set(names) - MEASURES.keys():
        sys.exit(f"unknown measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    console = Console(stderr=True)
    results = []
    with stage() as place:
        console.print(
            f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, files in {place.directory}"
        )
        for name in names:
            console.print(f"measuring {name} …")
            results += MEASURES[name](place)
    if "--json" in sys.argv:
        for result in results:
            sys.stdout.write(json.dumps({**asdict(result), "met": result.met}) + "\n")
    else:
        Console().print(_table(results))


def _table(results: list[Result]) -> Table:
    table = Table("measure", "ours", "reference", "ratio", "goal", "met")
    for result in results:
        goal = f"{'≥' if result.at_least else '≤'} {result.goal}"
        table.add_row(
            result.measure,
            result.ours,
            result.reference,
            f"{result.ratio:.2f}",
            goal,
            "yes" if result.met else "no",
        )
    return table


if __name__ == "__main__":
    main()
