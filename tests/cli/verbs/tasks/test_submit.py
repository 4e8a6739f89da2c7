"""`llmctl submit`: what is typed arrives, and what cannot be right is refused before anything is queued."""

import os
import re
import stat
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


def shown(llmctl: Llmctl, task: str) -> dict[str, object]:
    found = llmctl("show", task, "-o", "json").json()
    assert isinstance(found, dict)
    return found


def test_the_number_is_printed_and_why_it_does_not_start(llmctl: Llmctl) -> None:
    said = llmctl.ok("submit", "claude", "Review the change")
    assert re.fullmatch(r"task \d+ queued: no dispatcher is running.*", said)


def test_quiet_prints_the_bare_number(llmctl: Llmctl) -> None:
    assert llmctl.ok("submit", "claude", "x", "-q").isdecimal()
    assert llmctl.ok("enqueue", "claude", "x", "-q").isdecimal()


@pytest.mark.parametrize("submit", [["submit", "claude", "x"], ["submit", "--from", "-", "claude", "x"]])
def test_the_name_of_a_task_is_its_number(llmctl: Llmctl, submit: list[str]) -> None:
    for given in (["-o", "name"], ["-q"]):
        assert llmctl.ok(*submit, *given, stdin="{}\n").isdecimal()


def test_the_name_of_a_reply_is_its_number(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.run(final_text="yes", session_id="5e55")
    replied = llmctl.ok("reply", number, "and then?", "-o", "name")
    assert int(replied) == int(number) + 1


def test_a_task_can_be_held_from_the_start(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    said = llmctl.ok("submit", "claude", "x", "--hold")
    assert said.startswith("task 1 queued: held")
    rows = '{"n": 1, "hold": true}\n{"n": 2, "hold": "no"}\n'
    llmctl.ok("submit", "--from", "-", "claude", "{{n}}", "-o", "name", stdin=rows)
    assert [run["number"] for run in dispatcher.claim()] == [3]
    llmctl.ok("release", "1")
    assert [run["number"] for run in dispatcher.claim()] == [1]
    assert llmctl.ok("ls", "-s", "held", "-o", "name") == "2"
    wrong = llmctl("submit", "--from", "-", "claude", "x", stdin='{"hold": "maybe"}\n')
    assert wrong.code == 2
    assert "'maybe' is not one of true, false" in wrong.err


def test_a_task_that_can_start_at_once_says_no_more_than_its_number(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    assert re.fullmatch(r"task \d+ queued", llmctl.ok("submit", "claude", "x"))


def test_every_option_arrives(llmctl: Llmctl) -> None:
    task = shown(
        llmctl,
        llmctl.submit(
            *(
                "claude",
                "Do it",
                "--model",
                "opus",
                "--account",
                "main",
                "--priority",
                "9",
                "--name",
                "nightly",
            ),
            *("--label", "team=web", "--label", "why=a=b", "--output", "out/report.md", "--output", "log"),
            *("--timeout", "2h", "--stall-timeout", "90s", "--retries", "4", "--retry-delay", "1m30s"),
            *(
                "--tenant",
                "acme",
                "--queue",
                "night",
                "--key",
                "k-1",
                "--permission",
                "read",
                "--delay",
                "1d",
            ),
        ),
    )
    expected = {
        "tool": "claude",
        "prompt": "Do it",
        "model": "opus",
        "account": "main",
        "priority": 9,
        "name": "nightly",
        "labels": {"team": "web", "why": "a=b"},
        "output_files": ["out/report.md", "log"],
        "timeout_s": 7200,
        "stall_timeout_s": 90,
        "max_attempts": 5,
        "backoff_s": 90,
        "tenant_id": "acme",
        "queue": "night",
        "idempotency_key": "k-1",
        "permission": "read",
        "wait_reason": "scheduled",
    }
    assert {key: task[key] for key in expected} == expected
    assert 86_000 < float(str(task["waits_s"])) <= 86_400


def test_a_prompt_that_begins_with_a_dash_arrives_whole(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "--priority", "3", "--", "--help me, -q")
    task = shown(llmctl, number)
    assert (task["prompt"], task["priority"]) == ("--help me, -q", 3)


PROMPT = "first\n\ttab “quotes” 'single' \\n $HOME `x` 中文 \U0001f600 \x1b[31mred\r\nlast\n"


@pytest.mark.parametrize("way", ["argument", "file", "pipe", "dash", "file dash"])
def test_a_prompt_arrives_byte_for_byte(llmctl: Llmctl, way: str) -> None:
    file = llmctl.directory / "prompt.md"
    file.write_bytes(PROMPT.encode())
    arguments = {
        "argument": [PROMPT],
        "file": ["-f", "prompt.md"],
        "pipe": [],
        "dash": ["-"],
        "file dash": ["-f", "-"],
    }[way]
    stdin = "" if way in ("argument", "file") else PROMPT
    number = llmctl.ok("submit", "claude", *arguments, "-q", stdin=stdin)
    assert shown(llmctl, number)["prompt"] == PROMPT


def test_a_prompt_of_ten_megabytes_arrives(llmctl: Llmctl) -> None:
    prompt = "0123456789abcde\n" * (10 * 2**16)
    number = llmctl.ok("submit", "claude", "-q", stdin=prompt)
    assert shown(llmctl, number)["prompt"] == prompt


def test_input_files_arrive_with_name_content_and_mode(llmctl: Llmctl) -> None:
    script = llmctl.directory / "build.sh"
    script.write_bytes(bytes(range(256)))
    script.chmod(0o750)
    number = llmctl.submit("claude", "x", "--input", "build.sh", "--input", "build.sh:tools/b.sh")
    llmctl("files", "get", number, "build.sh", "tools/b.sh", "-d", "copy")
    for name in ("build.sh", "tools/b.sh"):
        copy = llmctl.directory / "copy" / name
        assert copy.read_bytes() == bytes(range(256))
        assert stat.S_IMODE(copy.stat().st_mode) == 0o750


def test_a_file_whose_own_name_has_a_colon_is_found(llmctl: Llmctl) -> None:
    (llmctl.directory / "a:b").write_text("colon")
    number = llmctl.submit("claude", "x", "--input", "a:b")
    assert llmctl.ok("files", "get", number, "a:b", "-o", "-") == "colon"


def test_a_time_of_day_is_the_next_one_here(llmctl: Llmctl) -> None:
    task = shown(llmctl, llmctl.submit("claude", "x", "--at", "23:59"))
    assert 0 < float(str(task["waits_s"])) <= 86_400
    at = datetime.fromisoformat(str(task["scheduled_at"]))
    # The command's own zone is Berlin: 23:59 there is 22:59 or 21:59 in UTC, in which JSON shows it.
    assert (at.hour in (21, 22), at.minute, str(at.utcoffset())) == (True, 59, "0:00:00")


def test_a_known_key_queues_nothing_and_says_since_when(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x", "--key", "once")
    again = llmctl("submit", "claude", "x", "--key", "once")
    assert again.code == 0
    assert re.fullmatch(rf"known since \d+ s: task {number} \(queued\)\n", again.out)
    assert again.err == ""
    assert llmctl.submit("claude", "x", "--key", "once") == number


def test_a_known_key_with_another_prompt_warns(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x", "--key", "once")
    again = llmctl("submit", "claude", "another", "--key", "once", "-q")
    assert (again.code, again.out) == (0, f"{number}\n")
    assert again.err.startswith(f"warning: task {number} has this key but another")


def test_json_says_the_same(llmctl: Llmctl) -> None:
    said = llmctl("submit", "claude", "x", "--key", "once", "-o", "json").json()
    assert isinstance(said, dict)
    assert sorted(said) == ["created", "id", "number", "same", "status", "why"]
    assert (said["created"], said["same"], said["status"]) == (True, True, "queued")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["clade", "x"], "unknown tool 'clade'; known are claude, codex, gemini"),
        (["gemini", "x"], "no worker group serves tool gemini"),
        (["claude", "x", "--account", "other"], "no worker group serves tool claude with account 'other'"),
        (["claude", "x", "--priority", "0"], "0 is not in the range 1<=x<=9"),
        (["claude", "x", "--priority", "99999999999"], "is not in the range"),
        (["claude", "x", "--priority", "high"], "'high' is not a valid int"),
        (["claude", "x", "--delay", "soon"], "'soon' is not a length of time"),
        (["claude", "x", "--delay", "90"], "'90' has no unit: write 90s, 90m, 90h or 90d"),
        (["claude", "x", "--delay", "4000d"], "longer than ten years"),
        (["claude", "x", "--at", "25:00"], "'25:00' is not a time"),
        (["claude", "x", "--at", "tomorrow"], "'tomorrow' is not a time"),
        (["claude", "x", "--at", "22:00", "--delay", "1h"], "--at or --delay, not both"),
        (["claude", "x", "--timeout", "0"], "timeout_s must be a whole number"),
        (["claude", "x", "--timeout", "-5"], "is not a length of time"),
        (["claude", "x", "--label", "alone"], "'alone' is not a label: expected KEY=VALUE"),
        (["claude", "x", "--label", "a=1", "--label", "a=2"], "the label a is given twice"),
        (["claude", "x", "--permission", "root"], "'root' is not one of"),
        (["claude", "x", "--wait-timeout", "5s"], "--wait-timeout needs --wait"),
        (["claude", "x", "--key", ""], "must not be empty"),
        (["claude", "x", "--queue", ""], "must not be empty"),
        (["claude", "x", "--tenant", "a\nb"], "must not hold control characters"),
        (["claude", "x", "--input", "missing.txt"], "cannot read 'missing.txt': No such file or directory"),
        (["claude", "x", "--input", "."], "cannot read '.': it is a directory"),
        (["claude", "x", "--input", "there:../up"], "a name that is not allowed: '../up'"),
        (["claude", "x", "--input", "there:/etc/cron"], "a name that is not allowed: '/etc/cron'"),
        (["claude", "x", "--input", "there", "--input", "there"], "input_files names a file twice"),
        (["claude", "x", "--output", "../../etc/passwd"], "a name that is not allowed: '../../etc/passwd'"),
        (["claude", "x", "--output", "/etc/passwd"], "a name that is not allowed: '/etc/passwd'"),
        (["claude", "x", "-f", "there"], "as an argument or with -f, not both"),
        (["claude", "-f", "missing.md"], "cannot read 'missing.md'"),
        (["claude", "-f", "binary"], "the prompt in binary is not UTF-8"),
        (["claude", "-f", "nul"], "the prompt contains a NUL character"),
        (["claude", ""], "the prompt is empty"),
        (["claude"], "standard input holds no prompt"),
        (
            ["Fix the bug"],
            "'Fix the bug' is not a tool: expected claude, codex, gemini or another tool that has a worker group, and",
        ),
        ([], "there is no tool: expected claude, codex, gemini or another tool that has a worker group"),
        (["claude", "  \n"], "the prompt is empty"),
        (["claude", "fix", "the", "bug"], "unexpected extra argument"),
        (["claude", "x", "--nmae", "y"], "No such option: --nmae"),
    ],
)
def test_what_cannot_be_right_is_refused(llmctl: Llmctl, arguments: list[str], complaint: str) -> None:
    (llmctl.directory / "there").write_text("x")
    (llmctl.directory / "binary").write_bytes(b"\xff\xfe")
    (llmctl.directory / "nul").write_bytes(b"a\0b")
    refused = llmctl("submit", *arguments)
    assert (refused.code, refused.out) == (2, "")
    first, *rest = refused.err.splitlines()
    assert first.startswith("error: ")
    assert complaint in first
    assert all(line.startswith("hint: ") for line in rest)
    assert llmctl("ls", "-o", "json").json() == []


def test_an_argument_that_is_not_utf8_is_refused(llmctl: Llmctl) -> None:
    refused = llmctl("submit", "claude", os.fsdecode(b"caf\xe9"))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: b'caf\\xe9' is not UTF-8\n"


def test_a_missing_group_comes_with_the_command_that_adds_it(llmctl: Llmctl) -> None:
    refused = llmctl("submit", "gemini", "x")
    assert "hint: add one: `llmctl group add gemini main --max 1`" in refused.err


def test_a_prompt_without_end_is_given_up(llmctl: Llmctl) -> None:
    refused = llmctl("submit", "claude", "-f", "/dev/zero")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: the prompt in /dev/zero is longer than 32 MiB\n"
        "hint: put long texts into files and name them in the prompt: --input FILE\n"
    )
    with Path("/dev/zero").open("rb") as endless:
        refused = llmctl("submit", "claude", stdin=endless.read(33 * 2**20))
    assert (refused.code, "the prompt in standard input is longer than 32 MiB" in refused.err) == (2, True)
    refused = llmctl("submit", "claude", stdin="é" * (16 * 2**20) + "x")
    assert (refused.code, "the prompt in standard input is longer than 32 MiB" in refused.err) == (2, True)


def test_what_is_no_regular_file_is_no_input(llmctl: Llmctl) -> None:
    os.mkfifo(llmctl.directory / "pipe")
    for name, kind in (("/dev/zero", "a device"), ("pipe", "a pipe"), (".", "a directory")):
        refused = llmctl("submit", "claude", "x", "--input", f"{name}:it")
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == f"error: cannot read {name!r}: it is {kind}, not a regular file\n"


@pytest.mark.parametrize("digits", [30, 5000])
def test_a_number_of_so_many_digits_is_one_sentence(llmctl: Llmctl, digits: int) -> None:
    submit = ["submit", "claude", "x"]
    for arguments in (
        *([*submit, option] for option in ("--priority", "--delay", "--at", "--timeout", "--stall-timeout")),
        *([*submit, option] for option in ("--retries", "--retry-delay", "--wait-timeout")),
        ["submit", "--from", "-", "claude", "x", "--chunk"],
        *(["group", "set", "claude-main", option] for option in ("--max", "--daily-budget", "--task-budget")),
        *(["group", "cool", "claude-main", "--for"], ["limit", "set", "tenant:a"]),
        *(["ls", "--limit"], ["logs", "1", "--tail"], ["logs", "1", "--run"], ["stats", "--since"]),
        *(["prune", "--older-than"], ["wait", "1", "--timeout"], ["watch", "--limit"], ["show"]),
    ):
        refused = llmctl(*arguments, "9" * digits)
        assert (refused.code in (2, 3), refused.out) == (True, ""), arguments
        assert refused.err.startswith("error: ")
        assert len(refused.err) < 3000


def test_too_much_input_is_refused_before_it_travels(llmctl: Llmctl) -> None:
    with Path(llmctl.directory / "big").open("wb") as big:
        big.truncate(129 * 2**20)
    refused = llmctl("submit", "claude", "x", "--input", "big")
    assert (refused.code, "larger than 128 MiB" in refused.err) == (2, True)


def test_which_errors_are_worth_another_attempt_and_which_model_stands_in(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    picky = llmctl.submit("claude", "x", "--retry-on", "timeout, agent_error", "--fallback-model", "haiku")
    [run] = dispatcher.claim()
    assert run["fallback_model"] == "haiku"
    dispatcher.start()
    dispatcher.finish(str(run["run_id"]), error_class="empty_result")
    assert "failed" in llmctl.ok("show", picky)

    refused = llmctl("submit", "claude", "x", "--retry-on", "never")
    assert (refused.code, "'never' is not an error" in refused.err) == (2, True)
