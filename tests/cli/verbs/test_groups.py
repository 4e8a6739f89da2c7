"""`llmctl group` and `llmctl limit`."""

import re

import msgspec
import psycopg
import pytest

from tests.cli.conftest import Finished, Llmctl, PlayedDispatcher, one_postgres
from tests.sql.client import Client
from tests.sql.clock import Clock

pytestmark = one_postgres


def rows_of(printed: Finished) -> list[dict[str, object]]:
    return msgspec.convert(printed.json(), list[dict[str, object]])


def group(llmctl: Llmctl, name: str) -> dict[str, object]:
    found = msgspec.json.decode(llmctl.ok("group", "list", "-o", "json"), type=list[dict[str, object]])
    return next(group for group in found if group["group_name"] == name)


def test_add_makes_a_group_that_takes_tasks(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    said = llmctl.ok(
        *("group", "add", "gemini", "team", "--max", "4", "--env", "GEMINI_API_KEY=env:TEAM_KEY"),
        *("--env", "REGION=eu", "--config-home", "~/.gemini-team", "--host", "host-a", "--host", "host-b"),
    )
    assert said == "group gemini-team added"
    expected = {
        "tool": "gemini",
        "account_name": "team",
        "max_concurrent": 4,
        "env_vars": {"GEMINI_API_KEY": "env:TEAM_KEY", "REGION": "eu"},
        "config_home": "~/.gemini-team",
        "hosts": ["host-a", "host-b"],
        "state": "open",
    }
    added = group(llmctl, "gemini-team")
    assert {key: added[key] for key in expected} == expected
    llmctl.submit("gemini", "x")
    assert [run["group_name"] for run in dispatcher.claim()] == ["gemini-team"]


def test_add_takes_a_name_of_your_own(llmctl: Llmctl) -> None:
    assert llmctl.ok("group", "add", "gemini", "team", "--name", "night-shift") == "group night-shift added"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["aider", "main"], 2, "unknown tool 'aider'"),
        (["claude", "main"], 5, "account 'main' of claude has a worker group already: 'claude-main'"),
        (["gemini", "x", "--name", "claude-main"], 5, "there is a worker group 'claude-main' already"),
        (["gemini", "x", "--name", "../x"], 2, "'../x' is not a valid worker group"),
        (["gemini", "x", "--max", "-1"], 2, "-1 is not in the range"),
        (["gemini", "x", "--max", "99999999999"], 2, "is not in the range"),
        (["gemini", "x", "--max", "many"], 2, "'many' is not a valid int"),
        (["gemini", "x", "--env", "ALONE"], 2, "one --env is not valid: expected NAME=VALUE"),
        (["gemini", "x", "--env", "A=1", "--env", "A=2"], 2, "--env names A twice"),
        (["gemini", "x", "--env", "A B=1"], 2, "not a valid variable name"),
        (["gemini", "x", "--config-home", "relative"], 2, "must be an absolute path"),
        (["gemini"], 2, "Missing argument"),
    ],
)
def test_add_refuses_what_cannot_be_right(
    llmctl: Llmctl, arguments: list[str], code: int, complaint: str
) -> None:
    refused = llmctl("group", "add", *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert complaint in refused.err


SECRET = "sk-ant-api03-abcdefghijklmnop1234567890"


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "gemini", "x", "--env", f"GEMINI_API_KEY={SECRET}"],
        ["add", "gemini", "x", "--env", f"HARMLESS={SECRET}"],
        ["add", "gemini", "x", "--env", "MY_PASSWORD=simple"],
        ["set", "claude-main", "--env", f"ANTHROPIC_API_KEY={SECRET}"],
        ["add", "gemini", "x", "--env", SECRET],
    ],
)
def test_a_secret_is_refused_and_not_repeated(llmctl: Llmctl, arguments: list[str]) -> None:
    refused: Finished = llmctl("group", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert (
        "one --env is not valid: expected NAME=VALUE" in refused.err
        or "must not be written in plain text" in refused.err
    )
    assert SECRET not in refused.err
    assert "simple" not in refused.err
    assert SECRET not in llmctl.ok("group", "list", "-o", "json")


def test_set_changes_what_is_given_and_nothing_else(llmctl: Llmctl) -> None:
    llmctl.ok("group", "add", "gemini", "x", "--env", "A=1", "--env", "B=2", "--config-home", "/home/x")
    assert llmctl.ok("group", "set", "gemini-x", "--max", "5") == "group gemini-x changed"
    llmctl.ok("group", "set", "gemini-x", "--env", "B=3", "--env", "C=4", "--unset", "A", "--host", "h")
    changed = group(llmctl, "gemini-x")
    assert changed["max_concurrent"] == 5
    assert changed["env_vars"] == {"B": "3", "C": "4"}
    assert (changed["config_home"], changed["hosts"]) == ("/home/x", ["h"])


def test_set_refuses_what_makes_no_sense(llmctl: Llmctl) -> None:
    assert llmctl("group", "set", "claude-main").code == 2
    assert llmctl("group", "set", "claude-main", "--env", "A=1", "--unset", "A").code == 2
    missing = llmctl("group", "set", "nope", "--max", "1")
    assert (missing.code, missing.out) == (3, "")
    assert missing.err == "error: there is no worker group 'nope'; there are claude-main, codex-main\n"


def test_a_raised_maximum_takes_effect_at_once(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for _ in range(4):
        llmctl.submit("codex", "x")
    assert len(dispatcher.claim()) == 2
    llmctl.ok("group", "set", "codex-main", "--max", "3")
    assert len(dispatcher.claim()) == 1


def test_pause_stops_a_group_and_says_why_until_resume(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    assert llmctl.ok("group", "pause", "claude-main", "--reason", "new card") == "group claude-main paused"
    assert dispatcher.claim() == []
    assert "paused (new card)" in llmctl.ok("group", "list")
    assert "claude-main is paused (new card)" in llmctl.ok("show", number)
    assert llmctl.ok("group", "resume", "claude-main") == "group claude-main resumed"
    assert len(dispatcher.claim()) == 1
    for verb in ("pause", "resume"):
        assert llmctl("group", verb, "nope").code == 3


def test_group_list_shows_slots_queue_and_state(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for _ in range(3):
        llmctl.submit("codex", "x")
    dispatcher.start()
    lines = [line.split() for line in llmctl.ok("group", "list").splitlines()]
    assert lines == [
        ["GROUP", "TOOL", "ACCOUNT", "SLOTS", "QUEUE", "STATE"],
        ["claude-main", "claude", "main", "0/2", "0", "open"],
        ["codex-main", "codex", "main", "2/2", "1", "full"],
    ]
    assert llmctl("group", "list", "-o", "csv").out.startswith("group_name,tool,account_name,")


NO_BUDGET = dict.fromkeys(
    ("budget_usd", "spent_usd", "token_budget", "spent_tokens", "unknown_cost_runs"), None
)


def test_a_workflow_has_a_budget_that_is_shown_and_raised_without_touching_its_slots(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    set_to = llmctl.ok("limit", "set", "workflow:release", "3", "--budget", "2", "--token-budget", "5000000")
    assert set_to == "limit workflow:release is 3, spent $0.00 of $2.00, 0 of 5.0M tokens"
    for _ in range(2):
        llmctl.submit("codex", "x", "--workflow", "release")
    [run] = dispatcher.claim(1)
    dispatcher.finish(str(run["run_id"]), cost_usd=2.5, input_tokens=1000, output_tokens=200)
    assert dispatcher.claim() == []
    row = ["workflow:release", "0/3", "$2.50", "of", "$2.00,", "1.2k", "of", "5.0M", "tokens"]
    assert row in [line.split() for line in llmctl.ok("limit", "list").splitlines()]
    assert "budget of workflow release is used up (2.50 of 2.00 USD)" in llmctl.ok("show", "2")
    llmctl.ok("limit", "set", "workflow:release", "--budget", "4")
    assert len(dispatcher.claim()) == 1
    assert "1/3" in llmctl.ok("limit", "list")


def test_limits_are_listed_set_and_removed(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    assert llmctl.ok("limit", "set", "tenant:acme", "1") == "limit tenant:acme is 1"
    assert llmctl.ok("limit", "add", "model:opus", "0") == "limit model:opus is 0"
    for _ in range(3):
        llmctl.submit("codex", "x", "--tenant", "acme")
    assert len(dispatcher.claim()) == 1
    listed = msgspec.json.decode(llmctl.ok("limit", "list", "-o", "json"))
    assert {**NO_BUDGET, "scope": "tenant:acme", "current_concurrent": 1, "max_concurrent": 1} in listed
    assert ["tenant:acme", "1/1"] in [line.split() for line in llmctl.ok("limit", "list").splitlines()]
    assert llmctl.ok("limit", "rm", "tenant:acme") == "limit tenant:acme removed"
    assert len(dispatcher.claim()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (
            ["set", "claude", "3"],
            2,
            "'claude' is not a valid scope: expected tool:NAME, model:NAME, tenant:NAME, queue:NAME or workflow:NAME",
        ),
        (["set", "user:x", "3"], 2, "is not a valid scope"),
        (["set", "tool:claude", "-1"], 2, "No such option: -1"),
        (["set", "tool:claude", "x"], 2, "'x' is not a valid int"),
        (["set", "tool:claude", "99999999999"], 2, "is not in the range"),
        (["set", "tool:claude"], 2, "a limit needs a number of tasks, or the budget of a workflow"),
        (["set", "tool:cluade", "2"], 2, "'cluade' is not a known tool: expected claude, codex, gemini"),
        (["rm", "tenant:nobody"], 3, "there is no limit 'tenant:nobody'"),
    ],
)
def test_a_limit_that_cannot_be_right_is_refused(
    llmctl: Llmctl, arguments: list[str], code: int, complaint: str
) -> None:
    refused = llmctl("limit", *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert complaint in refused.err


def test_slots_that_the_limit_of_their_tool_keeps_from_use_are_named_with_the_way_to_raise_it(
    llmctl: Llmctl,
) -> None:
    remark = (
        "at most 3 claude agents run at a time, although the groups have 6 slots: limit tool:claude is 3; "
        "`llmctl limit set tool:claude 6` raises it\n"
    )
    added = llmctl("group", "add", "claude", "work", "--max", "4")
    assert (added.code, added.out, added.err) == (0, "group claude-work added\n", remark)
    assert llmctl("group", "list").err == remark
    assert llmctl("group", "list", "-o", "json").err == ""
    assert llmctl("group", "set", "claude-work", "--env", "A=b").err == ""
    assert llmctl("group", "set", "codex-main", "--max", "3").err == ""
    llmctl.ok("limit", "set", "tool:claude", "6")
    assert llmctl("group", "set", "claude-work", "--max", "4").err == ""
    assert "have 7 slots" in llmctl("group", "set", "claude-work", "--max", "5").err


def test_several_groups_are_steered_at_once_and_one_that_fails_does_not_stop_the_others(
    llmctl: Llmctl,
) -> None:
    mixed = llmctl("group", "pause", "nope", "codex-main")
    assert (mixed.code, mixed.out) == (3, "group codex-main paused\n")
    assert mixed.err == "error: there is no worker group 'nope'; there are claude-main, codex-main\n"
    assert llmctl.ok("group", "pause", "--all") == "group claude-main paused\ngroup codex-main paused"
    assert (
        llmctl.ok("group", "resume", "claude-main", "codex-main", "-o", "name") == "claude-main\ncodex-main"
    )
    cooled = msgspec.json.decode(llmctl.ok("group", "cool", "-a", "--for", "1h", "-o", "json"))
    assert [(row["group_name"], row["state"]) for row in cooled] == [
        ("claude-main", "cooling"),
        ("codex-main", "cooling"),
    ]
    llmctl.ok("group", "clear-cooldown", "-a")
    assert [group(llmctl, name)["state"] for name in ("claude-main", "codex-main")] == ["open", "open"]
    for verb in ("pause", "resume", "clear-cooldown"):
        for wrong in ([], ["claude-main", "--all"]):
            refused = llmctl("group", verb, *wrong)
            assert (refused.code, refused.out) == (2, "")
            assert "name the groups, or give --all for all of them" in refused.err


def test_what_changes_groups_and_limits_prints_them_for_programs(llmctl: Llmctl) -> None:
    assert llmctl("group", "add", "gemini", "team", "-o", "name").out == "gemini-team\n"
    [changed] = rows_of(llmctl("group", "set", "gemini-team", "--max", "2", "-o", "json"))
    assert changed["max_concurrent"] == 2
    [removed] = rows_of(llmctl("group", "rm", "gemini-team", "-o", "json"))
    assert removed["group_name"] == "gemini-team"
    expected = [{**NO_BUDGET, "scope": "queue:q", "current_concurrent": 0, "max_concurrent": 2}]
    assert llmctl("limit", "set", "queue:q", "2", "-o", "json").json() == expected
    assert llmctl("limit", "rm", "queue:q", "-o", "name").out == "queue:q\n"


def test_a_pause_hides_no_cool_down_and_a_second_pause_keeps_the_reason(llmctl: Llmctl) -> None:
    llmctl.ok("group", "cool", "claude-main", "--for", "2h")
    llmctl.ok("group", "pause", "claude-main", "--reason", "new card")
    llmctl.ok("group", "pause", "claude-main")
    listed = llmctl.ok("group", "list")
    assert re.search(r"paused \(new card\); cools down for (2 h 0 min|1 h 59 min)", listed), listed
    llmctl.ok("group", "pause", "claude-main", "--reason", "moved")
    assert group(llmctl, "claude-main")["reason"] == "moved"
    llmctl.ok("group", "resume", "claude-main")
    llmctl.ok("group", "pause", "claude-main")
    assert group(llmctl, "claude-main")["reason"] is None


def test_an_account_cools_down_until_a_time_and_no_longer_when_somebody_says_so(llmctl: Llmctl) -> None:
    said = llmctl.ok("group", "cool", "claude-main", "--for", "2h", "--reason", "used by hand")
    assert said.startswith("group claude-main cools down until ")
    cooling = group(llmctl, "claude-main")
    assert (cooling["state"], cooling["reason"]) == ("cooling", "used by hand")
    assert msgspec.convert(cooling["cooldown_s"], float) == pytest.approx(7200, abs=60)

    llmctl.ok("group", "clear-cooldown", "claude-main")
    assert group(llmctl, "claude-main")["state"] == "open"
    llmctl.ok("group", "cool", "claude-main", "--until", "22:00")
    assert group(llmctl, "claude-main")["state"] == "cooling"


def test_a_cool_down_lasts_as_long_as_was_said_whatever_the_clocks_say(llmctl: Llmctl, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
            " AS $$ SELECT clock_timestamp() - interval '1 day' $$"
        )
    llmctl.ok("group", "cool", "claude-main", "--for", "2h")
    left = group(llmctl, "claude-main")["cooldown_s"]
    assert msgspec.convert(left, float) == pytest.approx(7200, abs=60)


@pytest.mark.parametrize("arguments", [[], ["--for", "1h", "--until", "22:00"]])
def test_a_cool_down_ends_at_one_time(llmctl: Llmctl, arguments: list[str]) -> None:
    refused = llmctl("group", "cool", "claude-main", *arguments)
    assert (refused.code, "give --until or --for" in refused.err) == (2, True)


@pytest.mark.parametrize("arguments", [["--for", "0"], ["--until", "2020-01-31T22:00"]])
def test_a_cool_down_that_is_over_already_is_refused(llmctl: Llmctl, arguments: list[str]) -> None:
    refused = llmctl("group", "cool", "claude-main", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: this cool-down would be over already\n"
        "hint: `llmctl group clear-cooldown claude-main` ends a cool-down\n"
    )
    assert group(llmctl, "claude-main")["state"] == "open"


def test_what_an_account_may_cost_and_whether_others_stand_in_can_be_set(llmctl: Llmctl) -> None:
    llmctl.ok("group", "add", "gemini", "team", "--no-failover", "--daily-budget", "12.5")
    llmctl.ok("group", "set", "claude-main", "--daily-budget", "20", "--task-budget", "0.5", "--no-failover")
    keys = ("failover", "daily_budget_usd", "task_budget_usd")
    assert [group(llmctl, "gemini-team")[key] for key in keys] == [False, 12.5, None]
    assert [group(llmctl, "claude-main")[key] for key in keys] == [False, 20, 0.5]

    llmctl.ok("group", "set", "claude-main", "--daily-budget", "0", "--failover")
    assert [group(llmctl, "claude-main")[key] for key in keys] == [True, None, 0.5]


def test_a_group_that_nothing_needs_can_be_removed(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x", "--account", "main")
    refused = llmctl("group", "rm", "claude-main")
    assert (refused.code, "still has tasks" in refused.err) == (5, True)

    llmctl.ok("cancel", number)
    assert llmctl.ok("group", "rm", "claude-main") == "group claude-main removed"
    assert llmctl("group", "pause", "claude-main").code == 3


def test_stats_sum_up_runs_and_tell_paid_from_notional(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    dispatcher.run(cost_usd=0.25, auth_mode="login", input_tokens=1200, output_tokens=30)
    llmctl.submit("codex", "x")
    dispatcher.run(error_class="invalid_request")

    head, claude, codex = llmctl.ok("stats", "--by", "tool").splitlines()
    assert head.split() == [
        "TOOL",
        "RUNS",
        "OK",
        "FAILED",
        "LIMITED",
        "CANCELED",
        "INTERRUPTED",
        "RAN",
        "IN",
        "CACHED",
        "OUT",
        "COST",
        "NOTIONAL",
        "NOT",
        "REPORTED",
        "BY",
    ]
    assert claude.split() == ["claude", "1", "1", "0", "0", "0", "0", "2", "s", "1.2k", "30", "$0.25"]
    assert codex.split() == ["codex", "1", "0", "1", "0", "0", "0", "2", "s", "codex"]
    assert llmctl.ok("stats", "--by", "day", "--since", "1d", "-o", "jsonl").count("\n") == 0


def test_a_reply_goes_on_with_the_session_of_a_task(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--model", "opus")
    early = llmctl("reply", number, "more")
    assert (early.code, "only a task that has ended" in early.err) == (5, True)
    dispatcher.run(session_id="s-1", final_text="done")

    reply = llmctl.ok("reply", number, "-", "-q", stdin="and now the tests")
    [run] = dispatcher.claim()
    expected = {
        "prompt": "and now the tests",
        "session_id": "s-1",
        "model": "opus",
        "directory": f"{number}-1",
    }
    assert str(run["number"]) == reply
    assert {key: run[key] for key in expected} == expected


def test_what_waits_for_a_budget_says_so_in_every_view(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, database: str
) -> None:
    with Client(database) as client:
        Clock(client)  # no midnight comes between
    llmctl.ok("group", "set", "claude-main", "--daily-budget", "1")
    llmctl.submit("claude", "dear")
    dispatcher.run(final_text="yes", cost_usd=1.5)
    waiting = llmctl.submit("claude", "next")

    sentence = "claude-main has spent its budget of the day ($1.50 of $1.00), goes on in"
    assert sentence in llmctl.ok("ls")
    assert sentence in llmctl.ok("show", waiting)
    assert "budget ($1.50 of $1.00 spent today)" in llmctl.ok("group", "ls")
    [listed] = msgspec.json.decode(llmctl.ok("ls", "-s", "waiting", "-o", "json"))
    assert listed["wait_reason"] == "budget"
    assert msgspec.json.decode(llmctl.ok("show", waiting, "-o", "json"))["wait_reason"] == "budget"
    watched = llmctl.ok("watch")
    assert "budget 1" in watched
    assert re.search(r"(until|again) .*: the budget of the day is spent", watched)


def test_an_outage_a_limit_of_a_model_and_endless_throttling_are_listed(
    llmctl: Llmctl, database: str
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "update worker_groups set cooldown_until = clock() + '40 s', cooldown_class = 'overloaded',"
            " cooldown_reason = 'out of order', unproven = true where group_name = 'claude-main'"
        )
        connection.execute(
            "update worker_groups set throttled_since = clock() - interval '45 min', throttled_runs = 12"
            " where group_name = 'codex-main'"
        )
        connection.execute("insert into model_cooldowns values ('codex-main', '', clock() + '2 h', 'limit')")

    listed = " ".join(llmctl.ok("group", "list").split())
    assert re.search(r"overloaded, next try in (40|39|3\d) s", listed), listed
    [cooling] = msgspec.convert(group(llmctl, "codex-main")["cooling_models"], list[dict[str, object]])
    assert (cooling["model"], cooling["reason"]) == ("", "limit")
    reason = str(group(llmctl, "codex-main")["reason"])
    assert re.match(
        r"usage limit of the default model, for (2 h 0|1 h 59) min; throttled for 45 min", reason
    ), reason
    assert group(llmctl, "codex-main")["throttled_runs"] == 12
