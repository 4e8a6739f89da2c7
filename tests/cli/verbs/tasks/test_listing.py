"""`llmctl ls`, `show` and `runs`."""

import csv
import io
import re

import msgspec
import psycopg
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


def table(text: str) -> list[list[str]]:
    """The cells of a table for people; two blanks or more stand between columns."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_ls_of_nothing_prints_no_data(llmctl: Llmctl) -> None:
    empty = llmctl("ls")
    assert (empty.code, empty.out, empty.err) == (0, "", "no tasks\n")
    assert llmctl("ls", "-o", "json").json() == []
    assert llmctl("ls", "-o", "jsonl").out == ""


def test_ls_shows_what_runs_what_waits_and_why_and_what_has_ended(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    failed = llmctl.submit("claude", "x", "--retries", "0", "--name", "broken one")
    dispatcher.run(error_class="agent_error", error_message="no idea what to do")
    running = llmctl.submit("claude", "x")
    dispatcher.start()
    llmctl.ok("limit", "set", "queue:night", "0")
    waiting = llmctl.submit("codex", "x", "--queue", "night")
    later = llmctl.submit("codex", "x", "--delay", "1h")

    lines = llmctl.ok("ls").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [running, "running"],
        [waiting, "queued"],
        [later, "scheduled"],
        [failed, "failed"],
    ]
    assert lines[2].endswith("queue:night is full (0/0)")
    assert re.search("scheduled to start in (59|60) min", lines[3])
    assert "broken one" in lines[4]
    assert lines[4].endswith("no idea what to do")
    assert [line.split()[0] for line in llmctl.ok("ls", "--name", "BROKEN o").splitlines()[1:]] == [failed]
    assert llmctl("ls", "--name", "broken%", "-o", "jsonl").out == ""


def test_show_is_short_also_of_a_prompt_without_line_ends(llmctl: Llmctl) -> None:
    number = llmctl.ok("submit", "claude", "-q", stdin="a" * 3_000_000)
    shown = llmctl.ok("show", number)
    assert len(shown) < 5_000
    assert shown.endswith("… 2,996,000 more characters")


def test_ls_for_programs_is_neither_coloured_nor_cut(llmctl: Llmctl) -> None:
    name = "n" * 200
    llmctl.submit("claude", "x", "--name", name)
    for output in ("table", "wide", "json", "jsonl", "csv"):
        printed = llmctl("ls", "-o", output, COLUMNS="40", TERM="xterm-256color").out
        assert name in printed
        assert "\x1b" not in printed


def test_ls_speaks_json_lines_and_csv(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x", "--name", 'a "quoted", name')
    [listed] = msgspec.json.decode(llmctl.ok("ls", "-o", "json"))
    [line] = llmctl.ok("ls", "-o", "jsonl").splitlines()
    [row] = csv.DictReader(io.StringIO(llmctl.ok("ls", "-o", "csv")))
    assert listed["number"] == int(number) == int(row["number"])
    assert listed["name"] == msgspec.json.decode(line)["name"] == row["name"] == 'a "quoted", name'
    assert list(listed) == list(row) == list(msgspec.json.decode(line))
    assert listed["created_at"].endswith("Z")
    assert listed["cost_usd"] is None


def test_ls_makes_what_agents_and_producers_wrote_harmless(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x", "--retries", "0", "--name", "\x1b]0;owned\x07\x1b[2Jname\nsecond line")
    dispatcher.run(error_class="agent_error", error_message="\x1b[31mred\u202ereversed\x9b1m")
    printed = llmctl("ls").out
    assert not any(character in printed for character in "\x1b\x9b\x07\u202e")
    assert "name second line" in printed
    assert len(printed.splitlines()) == 2


UNSEEN = "a\u061cb\u200bc\u202ed\u2066e\ufefff\U000e0041g\x9b1mh\ufe01i\u2028j"


def test_no_table_or_sentence_shows_what_nobody_sees(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    """That holds for tasks, groups and tenants, and where an error quotes them."""
    number = llmctl.submit("claude", UNSEEN, "--name", UNSEEN, "--tenant", UNSEEN.replace("\x9b1m", ""))
    dispatcher.run(error_class="agent_error", error_message=UNSEEN)
    said = [
        *(llmctl(*verb) for verb in (["ls"], ["show", number], ["runs", number], ["watch"], ["stats"])),
        *(llmctl(*verb, UNSEEN) for verb in (["show"], ["cancel"], ["group", "rm"], ["submit"], ["wait"])),
        llmctl("group", "pause", "claude-main", "--reason", UNSEEN),
        *(llmctl(*verb) for verb in (["group", "ls"], ["limit", "ls"], ["submit", "claude", "x"])),
        llmctl("submit", "claude", "x", "--dry-run", "--name", UNSEEN),
        llmctl("submit", "--from", "-", "claude", "x", stdin=msgspec.json.encode({UNSEEN: "x"})),
    ]
    for finished in said:
        printed = finished.out + finished.err
        assert printed, finished
        assert not set(printed) & set(UNSEEN) - set("abcdefghij1m"), finished


def test_json_is_exact_and_hides_nothing(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", UNSEEN)
    printed = llmctl.ok("show", number, "-o", "json")
    assert msgspec.json.decode(printed, type=dict[str, object])["prompt"] == UNSEEN
    assert not set(printed) & set(UNSEEN) - set("abcdefghij1m")


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (["--state", "running"], ["busy"]),
        (["-s", "queued", "-s", "running"], ["idle", "busy"]),
        (["--tool", "codex"], ["idle"]),
        (["--tenant", "acme"], ["idle"]),
        (["--queue", "night"], ["idle"]),
        (["--group", "claude-main"], ["busy"]),
        (["--name", "DL"], ["idle"]),
        (["--limit", "1"], ["busy"]),
        (["-n", "1"], ["busy"]),
        (["--tool", "gemini"], []),
    ],
)
def test_ls_filters(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, filter_: list[str], found: list[str]
) -> None:
    llmctl.submit("claude", "x", "--name", "busy")
    dispatcher.start()
    llmctl.submit("codex", "x", "--name", "idle", "--tenant", "acme", "--queue", "night")
    assert [task["name"] for task in msgspec.json.decode(llmctl.ok("list", "-o", "json", *filter_))] == found


def test_full_permission_can_be_seen(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x")
    assert "full" not in llmctl.ok("ls")
    number = llmctl.submit("claude", "x", "--permission", "full")
    assert "claude (full)" in llmctl.ok("ls")
    assert "permission  full" in llmctl.ok("show", number)


def test_show_answers_what_a_person_asks(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    prompt = "\n".join(f"line {number}" for number in range(1, 31))
    number = llmctl.submit("claude", prompt, "--retry-delay", "0", "--label", "team=web", "--output", "a.md")
    [run] = dispatcher.start()
    dispatcher.finish(
        run, error_class="agent_error", error_message="API was down", exit_code=1, retry_after_s=0
    )
    [run] = dispatcher.start()
    dispatcher.store(run, "a.md", b"# done\n")
    dispatcher.finish(
        run,
        final_text="All\ndone",
        exit_code=0,
        input_tokens=12_000,
        cached_input_tokens=10_000,
        output_tokens=345,
        cost_usd=0.25,
        session_id="s-1",
        output_files=["a.md"],
    )
    said = llmctl.ok("show", number)
    for fact in (
        "state       succeeded",
        "labels      team=web",
        "session     s-1",
        "tokens      12.0k read (10.0k of them cached), 345 written",
        "cost        $0.25",
        "line 12\n  … 18 more lines",
        "agent_error: API was down",
        "All\n  done",
    ):
        assert fact in said, fact
    assert "line 13" not in said
    assert ["a.md", "output", "7 B", "0644", "2"] in table(said)
    assert llmctl.ok("get", number) == said


def test_a_success_that_nothing_shows_is_doubted(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    dispatcher.connection.execute("SELECT put_tool('plain', p_is_proven => false)")
    dispatcher.connection.execute("SELECT put_group('plain-main', 'plain', 'main', 1)")
    doubted, shown = llmctl.submit("plain", "x"), llmctl.submit("claude", "x")
    dispatcher.run(final_text="done", exit_code=0)

    states = {row[0]: row[1] for row in table(llmctl.ok("ls"))}
    assert (states[doubted], states[shown]) == ("succeeded?", "succeeded")
    assert [row["proven"] for row in llmctl("ls", "-o", "json").json()] == [True, False]  # type: ignore[attr-defined]
    assert "succeeded (not proven: the output of plain does not tell a success from a failure)" in llmctl.ok(
        "show", doubted
    )
    assert "not proven" not in llmctl.ok("show", shown)
    task = llmctl("show", doubted, "-o", "json").json()
    assert isinstance(task, dict)
    assert (task["status"], task["proven"]) == ("succeeded", False)


def test_show_as_json_has_everything_with_logs(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(final_text="yes", stdout="printed", stderr="complained")
    told = llmctl("show", number, "-o", "json").json()
    assert isinstance(told, dict)
    assert told["result"]["text"] == "yes"
    [run] = told["runs"]
    assert (run["stdout"], run["stderr"], run["status"]) == ("printed", "complained", "succeeded")


def test_a_task_can_be_named_by_the_beginning_of_its_uuid(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x")
    told = llmctl("show", number, "-o", "json").json()
    assert isinstance(told, dict)
    assert f"{number} ({told['id']})" in llmctl.ok("show", told["id"][:13])


def test_show_says_why_a_task_waits_and_that_it_is_asked_to_stop(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--delay", "2h")
    assert "why         scheduled to start in " in llmctl.ok("show", number)
    llmctl.ok("retry", number)
    dispatcher.start()
    assert llmctl.ok("cancel", number) == f"task {number} is asked to stop (running)"
    assert "running, asked to stop" in llmctl.ok("show", number)


def test_runs_lists_each_start(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    none_yet = llmctl("runs", number)
    assert (none_yet.code, none_yet.out) == (0, "")
    assert "has not been started yet" in none_yet.err
    dispatcher.run(error_class="throttled", error_message="too fast", retry_after_s=0)
    dispatcher.run(final_text="yes", exit_code=0, input_tokens=1500, output_tokens=20, cost_usd=0.5)
    heading, first, second = table(llmctl.ok("runs", number))
    assert heading[:4] == ["RUN", "STATE", "TRY", "GROUP"]
    assert first[:4] == ["1", "rate_limited", "1", "claude-main"]
    assert first[-1] == "throttled: too fast"
    assert second[1] == "succeeded"
    assert "1.5k + 20" in second
    rows = msgspec.json.decode(llmctl.ok("runs", number, "-o", "json"))
    assert [(row["run_no"], row["error_class"], row["cost_usd"]) for row in rows] == [
        (1, "throttled", None),
        (2, None, 0.5),
    ]


def test_show_tells_the_last_runs_of_thousands_and_where_the_others_are(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, database: str
) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(input_tokens=10, output_tokens=2)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO task_runs (task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id,"
            " claimed_at, status, input_tokens) SELECT task_id, i, 1, group_name, dispatcher_id, work_dir_id, host,"
            " boot_id, claimed_at, 'failed', 1 FROM task_runs, generate_series(2, 1700) AS i"
        )

    shown = llmctl.ok("show", number)

    assert f"runs (1,200 earlier ones: `llmctl runs {number}`):" in shown
    assert "500 read, 0 written in the last 500 runs" in shown
    assert len(llmctl.ok("runs", number).splitlines()) == 1701


def test_a_run_that_was_denied_something_says_so(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(final_text="half of it", denials=["Bash: make test", "Write: /etc/hosts"])
    assert "Bash: make test, Write: /etc/hosts" in llmctl.ok("show", number)
    [heading, _] = table(llmctl.ok("runs", number))
    assert "DENIED" in heading


def test_retry_sends_a_task_that_waits_for_its_time_now(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--delay", "1h")
    assert dispatcher.claim() == []
    llmctl.ok("retry", number)
    assert [run["number"] for run in dispatcher.claim()] == [int(number)]


@pytest.mark.parametrize(
    "words",
    [
        *(
            [*verb.split(), "4711"]
            for verb in ("runs", "result", "cancel", "retry", "wait", "files ls", "files get")
        ),
        *(["show", task] for task in ("99999999999999999999", "not-a-task", "'; drop table tasks; --", "")),
    ],
    ids=" ".join,
)
def test_an_unknown_task_is_not_found(llmctl: Llmctl, words: list[str]) -> None:
    missing = llmctl(*words)
    assert (missing.code, missing.out) == (3, "")
    assert missing.err.startswith("error: there is no task")


def test_what_the_role_may_not_do_ends_with_4(llmctl: Llmctl, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody_special")
        connection.execute("CREATE ROLE nobody_special")
    refused = llmctl("ls", PGOPTIONS="-c role=nobody_special")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE nobody_special")
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.startswith("error: the database does not permit this: the login ")
