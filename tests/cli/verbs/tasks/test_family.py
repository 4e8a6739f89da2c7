"""What `show`, `ls` and selections say of tasks that come after others and belong to a workflow."""

import msgspec

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


def lines(shown: str) -> dict[str, str]:
    head = shown.partition("\n\n")[0].splitlines()
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in head}


def test_show_says_what_a_task_comes_after_and_who_comes_after_it(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "a")
    dispatcher.run(answer="done")
    llmctl.submit("claude", "b", "--hold")
    llmctl.submit(
        "claude", "c", "--after", "1,2", "--after-any", "2", "--workflow", "night", "--on-unmet", "fail"
    )
    third = lines(llmctl.ok("show", "3"))
    assert third["comes after"] == "1 (succeeded), 2 (end: held), 2 (held)"
    assert (third["if unmet"], third["workflow"]) == ("fail", "night")
    assert lines(llmctl.ok("show", "1"))["dependents"] == "3 (dependency)"
    told = msgspec.json.decode(llmctl.ok("show", "3", "-o", "json"))
    assert [(one["number"], one["kind"], one["state"]) for one in told["after"]] == [
        (1, "succeeded", "met"),
        (2, "ended", "open"),
        (2, "succeeded", "open"),
    ]


def test_a_cascade_takes_along_what_comes_after_and_asks_before(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "a", "--hold")
    llmctl.submit("claude", "b", "--after", "1")
    llmctl.submit("claude", "c", "--after", "2")
    llmctl.submit("claude", "d", "--hold")
    asked = llmctl("cancel", "1", "--cascade")
    assert asked.code == 2
    assert llmctl.ok("cancel", "1", "--cascade", "--dry-run").splitlines()[0] == "would cancel 3 tasks:"
    assert llmctl.ok("cancel", "1", "--cascade", "-y") == "3 tasks canceled"
    assert llmctl.ok("ls", "-s", "held", "-o", "name") == "4"


def test_tasks_are_selected_by_their_workflow(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "a", "--workflow", "night")
    llmctl.submit("claude", "b", "--workflow", "day")
    llmctl.submit("claude", "c")
    assert llmctl.ok("ls", "--workflow", "night", "-o", "name") == "1"
    assert "WORKFLOW" in llmctl.ok("ls")
    assert "WORKFLOW" not in llmctl.ok("ls", "3", "--columns", "task,state")
    assert llmctl.ok("cancel", "--workflow", "night", "-y") == "1 task canceled"
    assert llmctl.ok("ls", "-s", "canceled", "-o", "name") == "1"
    assert llmctl.ok("ls", "--workflow", "no", "-o", "name") == ""


def test_of_many_that_a_task_comes_after_the_failed_one_is_named_first_and_the_rest_is_counted(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    for number in range(1, 41):
        llmctl.submit("claude", "part", *(("--hold",) if number != 23 else ("--retries", "0")))
    dispatcher.run(error_class="agent_error", error_message="it broke")
    llmctl.submit("claude", "join", "--after", ",".join(map(str, range(1, 41))))
    told = lines(llmctl.ok("show", "41"))["comes after"]
    assert told.startswith("23 (failed, cannot be met), 1 (held), 2 (held),")
    assert told.endswith("9 (held), and 30 more (30 held)")


def test_show_takes_ranges_and_selectors(llmctl: Llmctl) -> None:
    for name in ("first", "second", "third"):
        llmctl.submit("claude", "x", "--name", name, "--label", f"n={name}")
    told = llmctl.ok("show", "1-2")
    assert told.count("\n\n\n") == 1
    assert ("first" in told, "second" in told, "third" in told) == (True, True, False)
    assert "third" in llmctl.ok("show", "-l", "n=third")
    whole = msgspec.json.decode(llmctl.ok("show", "1-2", "-o", "json"))
    assert [one["number"] for one in whole] == [1, 2]
    assert msgspec.json.decode(llmctl.ok("show", "3", "-o", "json"))["number"] == 3
    assert llmctl("show", "9").code != 0
    assert llmctl("show").code == 2
