"""What tables say of changes, and commits of merges."""

from cli.show.changes.lists import change_of
from cli.show.tables import table
from cli.show.task_tables import TASKS
from cli.verbs.changes.merging import message_of
from tests.cli.live.rows import task


def test_a_change_makes_way_before_names_are_cut() -> None:
    one = task(
        status="succeeded", name="rename the module of orders", changed_files=1, insertions=1204, deletions=88,
        check_verdict="passed", elapsed_s=100.0, group_name="claude-main", tokens=12_000,
    )  # fmt: skip
    assert change_of(one) == "+1,204 -88 ✓"
    wide = [line.plain for line in table([one], TASKS, 120)]
    assert "+1,204 -88 ✓" in wide[1]
    narrow = [line.plain for line in table([one], TASKS, 80)]
    assert "CHANGE" not in narrow[0]
    assert "rename the module of orders" in narrow[1]


def test_a_message_has_one_line_of_a_prompt_and_nothing_that_a_terminal_obeys() -> None:
    class Told:
        number, name, prompt = 12, "a\x1b[31mb\nc", "\n\nfirst  line\x07\nsecond"
        title = "a\x1b[31mb\nc"

    assert message_of(Told()) == "Task 12: ab c\n\nfirst line\n\nLlmctl-Task: 12\n"  # type: ignore[arg-type]
    Told.name = ""
    Told.title = "x" * 99
    assert message_of(Told()).splitlines()[0] == f"Task 12: {'x' * 62}…"  # type: ignore[arg-type]
