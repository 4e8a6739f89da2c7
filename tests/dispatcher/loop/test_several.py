"""Several dispatchers, changing limits, and a dispatcher that has nothing to do."""

import os
import signal
from collections import Counter
from datetime import datetime

import pytest

from dispatcher.errors import ExitCode
from tests.fixtures.dispatchers import Site

TASKS = 1000

FIXED = {
    "tool:sh": 7, "tool:twin": 4, "model:m": 3, "tenant:t": 5, "queue:q": 2, "group:sh": 6, "group:second": 5,
    "group:twin": 5,
}  # fmt: skip
"""Nobody changes these, so they hold at every moment."""


def test_two_dispatchers_share_every_limit_exactly_while_others_change_and_a_group_pauses(site: Site) -> None:
    """What agents write: a line when an agent begins, and a line before it ends."""
    site.configure("tools", twin={"argv": ["sh", "{prompt_file}"], "proof": "none"})
    for name, tool in (("sh", "sh"), ("second", "sh"), ("twin", "twin")):
        env = {"SITE": str(site.directory), "GROUP": name}
        slots = FIXED[f"group:{name}"]
        site.configure(
            "groups", **{name: {"tool": tool, "account": name, "max_concurrent": slots, "env": env}}
        )
    site.configure(
        "limits", **{scope: most for scope, most in FIXED.items() if not scope.startswith("group:")}
    )
    first = site.start()
    first.wait_for("dispatcher started")
    site.configure("execution", work_dir=str(site.directory / "other work"))
    second = site.start("--host-id", "another", config="other.yaml")
    second.wait_for("dispatcher started")

    numbers = site.submit_many([_observed(n) for n in range(TASKS)])
    _change_and_pause(site)
    site.wait_for("succeeded", *numbers, within=120)

    running: Counter[str] = Counter()
    paused = False
    for line in site.journal_lines():
        sign, *scopes = line.split()
        if sign in "+-":
            for scope in scopes:
                running[scope] += 1 if sign == "+" else -1
                assert running[scope] <= FIXED.get(scope, TASKS)
            assert not (paused and "group:second" in scopes)
        paused = sign == "paused" or (paused and sign != "resumed")
    assert sum(line[0] in "+-" for line in site.journal_lines()) == 2 * TASKS, "each task ran once"
    started = [len(dispatcher.log("run started")) for dispatcher in (first, second)]
    assert min(started) > 0
    assert sum(started) == TASKS
    assert site.sql("SELECT * FROM check_counters()") == []


def _observed(n: int) -> dict[str, object]:
    """A task of many scopes that writes a line when it begins and before it ends; the limit of queue r changes."""
    fields: dict[str, object] = {"tool": "sh" if n % 3 else "twin"}
    if n % 5 == 0:
        fields["model"] = "m"
    if n % 2 == 0:
        fields["tenant_id"] = "t"
    if n % 7 in (0, 1):
        fields["queue"] = "qr"[n % 7]
    kinds = {"tool": "tool", "model": "model", "tenant_id": "tenant", "queue": "queue"}
    scopes = " ".join(f"{kinds[key]}:{value}" for key, value in fields.items()) + " group:$GROUP"
    told = f"echo + {scopes} >>$SITE/journal; sleep 0.01; echo - {scopes} >>$SITE/journal; echo done"
    return {"prompt": told, **fields}


def _change_and_pause(site: Site) -> None:
    """Change a limit, and pause a group while others go on, until half of the tasks have ended."""

    def ended() -> int:
        return int(site.sql("SELECT count(*) AS n FROM tasks WHERE status = 'succeeded'")[0]["n"])

    def note(word: str) -> None:
        with (site.directory / "journal").open("a") as journal:
            journal.write(word + "\n")

    pauses = 0
    while (goal := ended() + 60) < TASKS // 2:
        site.sql("SELECT set_limit('queue:r', %s)", pauses % 3)
        site.sql("SELECT pause_group('second')")
        site.wait_until(
            lambda: (
                not site.sql(
                    "SELECT number FROM tasks WHERE group_name = 'second' AND status IN ('leased', 'running')"
                )
            ),
            30,
        )
        note("paused")
        site.wait_until(lambda: ended() >= goal, 30)
        note("resumed")
        site.sql("SELECT resume_group('second')")
        pauses += 1
    assert pauses > 2
    site.sql("SELECT remove_limit('queue:r')")


def test_an_idle_dispatcher_runs_one_statement_for_each_heartbeat_and_no_other(site: Site) -> None:
    site.sql("CREATE EXTENSION pg_stat_statements")
    site.configure("dispatcher", heartbeat_interval=0.5, lease_interval=60)

    def last_heartbeat() -> datetime:
        (row,) = site.sql("SELECT max(last_heartbeat_at) AS at FROM dispatchers")
        assert isinstance(row["at"], datetime)
        return row["at"]

    def one_more() -> None:
        seen = last_heartbeat()
        site.wait_until(lambda: last_heartbeat() > seen)

    def statements() -> dict[str, int]:
        rows = site.sql(
            "SELECT query, calls FROM pg_stat_statements JOIN pg_database ON oid = dbid "
            "WHERE datname = current_database() AND query !~ 'pg_stat_statements'"
        )
        return {row["query"]: row["calls"] for row in rows}

    number = site.submit("echo warm")
    site.start()
    site.wait_for("succeeded", number)
    # At its start it deletes what is old; lanes are the last of it.
    site.wait_until(lambda: "SELECT prune_lanes(p_most => $1)" in statements())
    # The freed slot made it look for work once: two heartbeats later that is over.
    one_more()
    one_more()
    site.sql("SELECT pg_stat_statements_reset()")

    def heartbeats() -> int:
        counted = statements()
        assert set(counted) <= {
            "SELECT cancel_requested::text[], next_deadline_s FROM heartbeat(p_dispatcher => $1)"
        }
        return sum(counted.values())

    # Each heartbeat notifies, and the test looks after each one.
    site.wait_until(lambda: heartbeats() >= 4)


def test_a_raised_limit_takes_effect_at_once(site: Site) -> None:
    gate = site.gate()
    site.configure("limits", **{"tool:sh": 1})
    numbers = site.submit_many([{"tool": "sh", "prompt": f"{gate.pass_through}; echo done"}] * 3)
    site.start()
    site.wait_for("running", numbers[0])

    site.sql("SELECT set_limit('tool:sh', 3)")

    site.wait_for("running", *numbers)
    gate.open()


def test_a_running_task_that_is_moved_into_a_limit_by_hand_ends_no_dispatcher(site: Site) -> None:
    """The claim saw room, but then the guard of the limit refuses it, and it is repeated."""
    dispatcher = site.start()
    gate = site.gate()
    running = site.submit(f"{gate.pass_through}; echo done", queue="day")
    site.wait_for("running", running)
    site.sql("SELECT set_limit('queue:night', 1)")
    with site.elsewhere() as by_hand, by_hand.transaction():
        by_hand.execute("UPDATE tasks SET queue = 'night' WHERE number = %s", [running])
        waiting = site.submit("echo at last", queue="night")
        blocked_by_us = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        while not site.sql(blocked_by_us, by_hand.info.backend_pid):
            assert dispatcher.process.poll() is None

    gate.open()
    site.wait_for("succeeded", running, waiting)


def test_a_hang_up_takes_over_tools_groups_and_limits_from_the_file(site: Site) -> None:
    gate = site.gate()
    site.configure("groups", sh={"max_concurrent": 1})
    first = site.submit(f"{gate.pass_through}; echo done")
    dispatcher = site.start()
    site.wait_for("running", first)
    second = site.submit(f"{gate.pass_through}; echo done")
    site.config["groups"]["sh"] = {**_as_dict(site.config["groups"]["sh"]), "max_concurrent": 2}
    site.config["tools"]["newcomer"] = {"argv": ["cat"], "proof": "none"}
    site.config["groups"]["newcomer"] = {"tool": "newcomer"}
    site.write_config()

    dispatcher.signal(signal.SIGHUP)

    dispatcher.wait_for("configuration taken over", needs_a_restart=False)
    site.wait_for("running", second)
    third = site.submit("understood", tool="newcomer")
    site.wait_for("succeeded", third)
    gate.open()


def test_a_broken_file_is_said_to_be_so_and_changes_nothing(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    site.write_config().write_text("groups: {sh: {max_conccurrent: 3}}")

    dispatcher.signal(signal.SIGHUP)

    entry = dispatcher.wait_for("the configuration is not taken over")
    assert "max_conccurrent" in str(entry["error"])
    number = site.submit("echo as before")
    site.wait_for("succeeded", number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"database: {{pool_size: {'9' * 5000}}}", "the number has 5,000 characters"),
        ("[" * 3000, "nested more than 30 levels deep"),
        ('execution: {work_dir: "/a\\0b"}', "execution.work_dir: "),
        (None, "it is a pipe, not a regular file"),
    ],
    ids=["digits", "nested", "nul", "pipe"],
)
def test_a_hang_up_outlives_whatever_the_file_is(site: Site, text: str | None, expected: str) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    file = site.write_config()
    file.unlink()
    if text is None:
        os.mkfifo(file)
    else:
        file.write_text(text)

    dispatcher.signal(signal.SIGHUP)

    assert expected in str(dispatcher.wait_for("the configuration is not taken over")["error"])
    site.wait_for("succeeded", site.submit("echo as before"))


def test_a_configuration_that_waits_for_somebody_else_s_transaction_is_given_up(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")

    with site.elsewhere() as other, other.transaction():
        other.execute("SELECT pause_group('sh', 'not committed')")
        dispatcher.signal(signal.SIGHUP)
        entry = dispatcher.wait_for("the configuration is not taken over")
        assert "took too long" in str(entry["error"])
        dispatcher.signal(signal.SIGTERM)
        assert dispatcher.wait() == 0

        hindered = site.start()
        assert hindered.wait() == ExitCode.DATABASE
        assert "error: the database took too long" in hindered.story()


def test_what_only_a_restart_can_change_is_named(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    site.config["execution"]["work_dir"] = str(site.directory / "elsewhere")
    site.write_config()

    dispatcher.signal(signal.SIGHUP)

    dispatcher.wait_for("configuration taken over", needs_a_restart=True)
    number = site.submit("pwd")
    site.wait_for("succeeded", number)
    assert str(site.task(number)["result"]["text"]).startswith(str(site.work_dir))


@pytest.mark.parametrize(
    ("section", "changed"), [("dispatcher", {"groups": ["cat"]}), ("logging", {"level": "warning"})]
)
def test_who_is_served_and_what_is_logged_is_changed_by_a_restart_only(
    site: Site, section: str, changed: dict[str, object]
) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    site.config.setdefault(section, {}).update(changed)
    site.write_config()

    dispatcher.signal(signal.SIGHUP)

    dispatcher.wait_for("configuration taken over", needs_a_restart=True)


def test_a_hang_up_changes_the_bounds_of_output_for_runs_that_begin_then(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    site.config["execution"] |= {"stall_timeout": 0.5, "max_log_bytes": 1000}
    site.write_config()

    dispatcher.signal(signal.SIGHUP)

    dispatcher.wait_for("configuration taken over", needs_a_restart=False)
    silent, chatty = site.submit("sleep 1000", max_attempts=1), site.submit("yes", max_attempts=1)
    site.wait_for("failed", silent, chatty)
    assert [site.task(number)["error_class"] for number in (silent, chatty)] == [
        "stalled",
        "output_too_large",
    ]


def _as_dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def test_a_limit_below_the_slots_of_its_groups_is_logged_at_the_start_and_when_the_file_is_read_again(
    site: Site,
) -> None:
    event = "the limit of a tool is lower than the slots of its groups"
    site.configure("limits", **{"tool:sh": 3})
    dispatcher = site.start()
    told = dispatcher.wait_for(event, tool="sh", limit=3, slots=4)
    assert told["remedy"] == "llmctl limit set tool:sh 4"
    site.config["limits"] = {"tool:sh": 2}
    site.write_config()
    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for(event, tool="sh", limit=2, slots=4)
    site.config["limits"] = {"tool:sh": 4}
    site.write_config()
    dispatcher.signal(signal.SIGHUP)
    dispatcher.wait_for("configuration taken over", times=2)
    assert len(dispatcher.log(event)) == 2
