"""docs/json.md: what `-o json` prints, from the structs of sql/rows.py."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from cli.show.changes import merges
from sql import change_rows, output_rows, rows
from tests.documentation.meanings import meaning
from tests.documentation.structs import about, cell, fields, type_in_words

ACTIONS = ("llmctl cancel", "llmctl retry", "llmctl hold", "llmctl release", "llmctl top", "llmctl edit")

PRINTED: Mapping[type[Struct], Sequence[str]] = {
    rows.TaskRow: ("llmctl ls", "llmctl watch"),
    output_rows.WholeTask: ("llmctl show",),
    output_rows.WholeRun: (),
    rows.RunRow: ("llmctl runs",),
    change_rows.ChangeRow: ("llmctl diff",),
    merges.MergeRow: ("llmctl merge",),
    change_rows.Change: (),
    change_rows.FileStat: (),
    change_rows.CommandResult: (),
    change_rows.Decision: (),
    change_rows.TrySet: (),
    change_rows.Try: (),
    change_rows.InboxRow: ("llmctl inbox",),
    rows.FileRow: ("llmctl files ls",),
    output_rows.TaskFileRow: ("llmctl files ls",),
    rows.Submitted: ("llmctl submit", "llmctl reply"),
    rows.TaskState: ("llmctl wait", *ACTIONS),
    output_rows.TaskResult: ("llmctl result",),
    rows.StatsRow: ("llmctl stats",),
    rows.GroupRow: ("llmctl group",),
    rows.LimitRow: ("llmctl limit",),
    rows.TokenRow: ("llmctl token ls",),
    rows.DispatcherRow: ("dispatcher status",),
}
"""The structs, and the commands that print each."""


def text() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for struct, commands in PRINTED.items():
        yield from (f"## {struct.__name__}", "")
        if commands:
            yield from (f"Printed by {', '.join(f'`{command}`' for command in commands)}.", "")
        yield from (about(struct), "")
        yield from ("| field | type | meaning |", "|---|---|---|")
        for field in fields(struct):
            kind = type_in_words(field.type) + (" or null" if field.may_be_missing else "")
            means = field.about or meaning(struct.__name__, field.name)
            yield f"| `{field.name}` | {cell(kind)} | {cell(means)} |"
        yield ""
