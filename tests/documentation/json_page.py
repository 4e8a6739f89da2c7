"""docs/json.md: what `-o json` prints, from the structs of sql/rows/."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from cli.show.changes import merges
from sql.rows import changes, groups, output, people, schedules, sums, workflows
from tests.documentation.meanings import meaning
from tests.documentation.structs import about, cell, fields, type_in_words

ACTIONS = ("llmctl cancel", "llmctl retry", "llmctl hold", "llmctl release", "llmctl top", "llmctl edit")

PRINTED: Mapping[type[Struct], Sequence[str]] = {
    people.TaskRow: ("llmctl ls", "llmctl watch"),
    output.WholeTask: ("llmctl show",),
    output.WholeRun: (),
    people.RunRow: ("llmctl runs",),
    changes.ChangeRow: ("llmctl diff",),
    merges.MergeRow: ("llmctl merge",),
    changes.Change: (),
    changes.FileStat: (),
    changes.CommandResult: (),
    changes.Decision: (),
    changes.TrySet: (),
    changes.Try: (),
    changes.InboxRow: ("llmctl inbox",),
    workflows.Need: (),
    workflows.FileOfTask: (),
    workflows.Tree: (),
    people.FileRow: ("llmctl files ls",),
    output.TaskFileRow: ("llmctl files ls",),
    people.Submitted: ("llmctl submit", "llmctl reply"),
    people.TaskState: ("llmctl wait", *ACTIONS),
    output.TaskResult: ("llmctl result",),
    sums.StatsRow: ("llmctl stats",),
    groups.GroupRow: ("llmctl group",),
    groups.CoolingModel: (),
    people.LimitRow: ("llmctl limit",),
    schedules.ScheduleRow: ("llmctl schedule",),
    people.TokenRow: ("llmctl token ls",),
    people.DispatcherRow: ("dispatcher status",),
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
