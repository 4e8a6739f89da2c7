"""Which commands a run has, and what is said of how they ended."""

import pytest

from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.sections.runs import SecuritySettings
from dispatcher.configuration.sections.service import ApiSettings, DatabaseSettings
from dispatcher.configuration.settings import Settings
from dispatcher.run.commands.choice import Command, check_allowed, check_of, setup_of
from dispatcher.run.conclusion import activity_of, complaint_about, follow_up_of, judged, recorded
from dispatcher.run.preparation.refusals import NotStartedError
from sql.rows.changes import Change, CommandResult
from sql.rows.dispatchers import ClaimedRun
from wrappers.base import Outcome


def claimed(**fields: object) -> ClaimedRun:
    known: dict[str, object] = {
        "run_id": "r",
        "task_id": "t",
        "number": 12,
        "run_no": 1,
        "attempt": 1,
        "max_attempts": 3,
        "tool": "sh",
        "model": None,
        "fallback_model": None,
        "prompt": "",
        "permission": "edit",
        "workdir": None,
        "timeout_s": None,
        "stall_timeout_s": None,
        "session_id": None,
        "goes_on": False,
        "directory": "12-1",
        "has_input_files": False,
        "output_files": (),
        "group_name": "sh",
        "account": "default",
        "env": {},
        "config_home": None,
        "budget_usd": None,
    }
    return ClaimedRun(**(known | fields))  # type: ignore[arg-type]


SHOP = RepositorySettings(path="/shop", setup="npm ci", check="npm test", check_timeout=5.0)
NAMED = Settings(repositories={"shop": SHOP})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"repository": "shop"}, ("npm test", 5.0)),
        ({"repository": "/shop"}, ("npm test", 5.0)),
        ({"repository": "/shop/vendor"}, None),
        ({"repository": "shop", "check_command": ""}, None),
        ({"repository": "shop", "check_command": "make", "check_timeout_s": 7}, ("make", 7)),
        ({"check_command": "make"}, ("make", 600.0)),
    ],
)
def test_the_command_of_a_task_wins_over_that_of_its_repository(
    fields: dict[str, object], expected: tuple[str, float] | None
) -> None:
    assert check_of(claimed(**fields), NAMED) == (expected and Command("check", *expected))


def test_a_run_that_goes_on_in_a_directory_is_not_set_up_again() -> None:
    assert setup_of(claimed(repository="shop"), NAMED) == Command("setup", "npm ci", 600.0)
    assert setup_of(claimed(repository="shop", directory="11-1"), NAMED) is None
    assert setup_of(claimed(repository="shop", goes_on=True), NAMED) is None


@pytest.mark.parametrize(
    ("settings", "granted"),
    [
        (Settings(), True),
        (Settings(api=ApiSettings(enabled=True)), False),
        (Settings(database=DatabaseSettings(url="postgresql://db")), False),
        (Settings(security=SecuritySettings(allow_commands=False)), False),
        (Settings(api=ApiSettings(enabled=True), security=SecuritySettings(allow_commands=True)), True),
    ],
)
def test_commands_of_tasks_run_only_where_all_tasks_are_one_s_own_or_the_configuration_says_so(
    settings: Settings, granted: bool
) -> None:
    run = claimed(check_command="make")
    if granted:
        check_allowed(run, settings)
    else:
        with pytest.raises(NotStartedError, match=r"--check.*security\.allow_commands"):
            check_allowed(run, settings)
    check_allowed(claimed(repository="shop", check_command=""), settings)


def failed(**fields: object) -> CommandResult:
    known: dict[str, object] = {"kind": "check", "command": "pytest -q", "verdict": "failed", "exit_code": 1}
    return CommandResult(**(known | fields))  # type: ignore[arg-type]


def test_a_failure_is_said_in_a_sentence_and_told_to_the_next_agent_with_the_output() -> None:
    result = failed(output_tail="assert 1 == 2\n1 failed\n")

    sentence = "the check `pytest -q` failed with exit code 1: 1 failed"
    assert judged(Outcome(), result) == Outcome(error_class="check_failed", error_message=sentence)
    assert follow_up_of(result) == (
        f"Your work is not done yet: {sentence}\n\nIts output ended with:\n\nassert 1 == 2\n1 failed\n"
    )
    assert "longer than its timeout" in complaint_about(failed(verdict="timeout", exit_code=143))
    assert judged(Outcome(), failed(verdict="passed", exit_code=0)) == Outcome()


def test_a_long_command_is_shown_by_its_beginning() -> None:
    assert activity_of("setup", "npm ci") == "setting up: npm ci"
    assert activity_of("check", "make\nmake install") == "checking: make…"
    assert activity_of("check", "x" * 200) == f"checking: {'x' * 80}…"


UNCHANGED = Change(source="/shop", base_commit="a", ref="refs/llmctl/12/1", head_commit="a")


@pytest.mark.parametrize(
    ("change", "no_changes", "expected"),
    [
        (UNCHANGED, None, None),
        (UNCHANGED, "succeed", None),
        (UNCHANGED, "fail", "no_changes"),
        (Change(source="/shop", base_commit="a", problem="gone", kept_in="/w"), "fail", "not_recorded"),
    ],
)
def test_a_success_whose_change_is_not_there_is_told_apart(
    change: Change, no_changes: object, expected: str | None
) -> None:
    assert recorded(Outcome(), change, no_changes).error_class == expected  # type: ignore[arg-type]
    assert recorded(Outcome(error_class="lost"), change, no_changes).error_class == "lost"  # type: ignore[arg-type]
