"""`llmctl submit --tries`: several tries at one task, on several tools, and the one that is picked."""

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


def listed(llmctl: Llmctl) -> list[tuple[object, ...]]:
    rows = llmctl("ls", "-o", "json").json()
    assert isinstance(rows, list)
    return sorted(
        (row["number"], row["tool"], row["model"], row["wait_reason"] or row["status"]) for row in rows
    )


def test_tries_go_to_tools_and_models_in_turn(llmctl: Llmctl) -> None:
    said = llmctl.ok("submit", "claude", "fix it", "--tries", "3", "--with", "claude:opus,codex")
    assert said == "tasks 1-3 queued: the first that succeeds ends the others"
    assert listed(llmctl) == [
        (1, "claude", "opus", "queued"), (2, "codex", None, "queued"), (3, "claude", "opus", "queued"),
    ]  # fmt: skip
    assert llmctl.ok("cancel", "-l", "tries=1", "-y") == "3 tasks canceled"


def test_the_first_that_succeeds_is_shown_as_picked(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    assert llmctl.ok("submit", "claude", "x", "--tries", "2", "-q") == "1\n2"
    first, _ = (str(run["run_id"]) for run in dispatcher.claim())
    dispatcher.finish(first, final_text="done", cost_usd=0.5)
    shown = llmctl.ok("show", "2")
    assert "\ntries (picked: task 1; $0.50 together):\n  TASK  STATE" in shown
    assert "picked run 1, by rule 'first-green'" in llmctl.ok("show", "1")


def test_a_judge_chooses(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    said = llmctl.ok("submit", "claude", "x", "--tries", "2", "--judge", "codex:o9@main")
    assert said == "tasks 1-2 queued: task 3 chooses among these tries when all have ended"
    assert listed(llmctl)[2] == (3, "codex", "o9", "dependency")
    assert "chooses among the tries when these have ended: 1, 2" in llmctl.ok("ls")
    assert "tries (none is picked yet: what task 3 chooses will be):" in llmctl.ok("show", "1")
    dispatcher.run(final_text="done")
    dispatcher.run(final_text="PICK: 2")
    assert "tries (picked: task 2)" in llmctl.ok("show", "3")


def test_a_person_picks_where_the_judge_names_none(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.ok("submit", "claude", "x", "--tries", "2", "--pick", "judge", "--retries", "0")
    dispatcher.run(final_text="done")
    dispatcher.run(final_text="done, too")
    dispatcher.run(final_text="neither")
    assert llmctl("pick", "1", "2").code != 0
    assert llmctl.ok("pick", "3", "2", "-m", "shorter") == "task 2 is picked"
    assert "tries (picked: task 2" in llmctl.ok("show", "3")
    assert "shorter" in llmctl.ok("show", "2")


def test_who_waits_gets_the_result_that_was_picked(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    with llmctl.start("submit", "claude", "x", "--tries", "2", "--wait") as waiting:
        assert waiting.stderr is not None
        assert waiting.stdout is not None
        assert waiting.stderr.readline() == "tasks 1-2 queued: the first that succeeds ends the others\n"
        first, second = (str(run["run_id"]) for run in dispatcher.claim())
        dispatcher.finish(second, final_text="the second")
        dispatcher.finish(first, error_class="canceled")
        assert waiting.stdout.readline() == "the second\n"
        assert waiting.wait(60) == 0


def test_who_waits_for_tries_that_all_fail_is_told_so(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    with llmctl.start("submit", "claude", "x", "--tries", "2", "--wait") as waiting:
        assert waiting.stderr is not None
        waiting.stderr.readline()
        dispatcher.run(error_class="invalid_request")
        assert waiting.stderr.readline() == "error: none of the tries was picked\n"
        assert waiting.wait(60) == 1


def test_for_programs_there_is_a_row_for_each_try_and_the_judge(llmctl: Llmctl) -> None:
    rows = llmctl("submit", "claude", "x", "--tries", "2", "--pick", "judge", "-o", "json").json()
    assert isinstance(rows, list)
    assert [row["number"] for row in rows] == [1, 2, 3]


def test_a_dry_run_shows_the_tries_and_queues_none(llmctl: Llmctl) -> None:
    shown = llmctl("submit", "claude", "x", "--with", "claude,codex@main", "--dry-run", "-o", "json")
    assert (shown.code, shown.err) == (0, "2 tries would be submitted; the database was not asked\n")
    assert shown.json() == {
        "task": {"tool": "claude", "prompt": "x"},
        "variants": [{"tool": "claude"}, {"tool": "codex", "account": "main"}],
        "pick": "first-green",
        "judge": None,
    }
    assert listed(llmctl) == []


@pytest.mark.parametrize(("options", "sentence"), [
    (["--pick", "judge"], "--pick and --judge need --tries N or --with"),
    (["--tries", "2", "--pick", "first-green", "--judge", "codex"], "--judge needs --pick judge"),
    (["--with", "codex"], "--with names 1, and there is 1 try: expected at least 2 tries, and one for each"),
    (["--tries", "2", "--with", "codex,claude,gemini"], "--with names 3, and there are 2 tries"),
    (["--with", "codex,,claude"], "'' is not a valid value of --with: expected TOOL, TOOL:MODEL or TOOL:MODEL@ACCOUNT"),
    (["--tries", "2", "--follow"], "--tries is for one task: give it without --follow and --from"),
    (["--tries", "2", "--with", "codex,nope"], "unknown tool 'nope'"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(llmctl: Llmctl, options: list[str], sentence: str) -> None:
    refused = llmctl("submit", "claude", "x", *options)
    assert (refused.code, refused.out) == (2, "")
    assert f"error: {sentence}" in refused.err
    assert listed(llmctl) == []
