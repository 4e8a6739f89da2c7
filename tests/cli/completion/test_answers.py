"""What a shell is told: at once, from a database that can be asked, and never an error."""

import socket
import subprocess
import sys

import pytest

from tests.cli.conftest import Finished, Llmctl, one_postgres


def asked(llmctl: Llmctl, *words: str, **environment: str) -> Finished:
    return llmctl(*words, _LLMCTL_COMPLETE="zsh", **environment)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["w"], {"watch", "wait", "workflow"}),
        (["group", "p"], {"pause"}),
        (["submit", "--pri"], {"--priority"}),
        (["submit", "--from", "f", "--columns", "input,w"], {"input,workdir"}),
        (["ls", "--columns", "number,na"], {"number,name"}),
        (["ls", "-s", "act"], {"active"}),
        (["ls", "--waiting", "s"], {"slot", "scheduled"}),
        (["stats", "--by", "t"], {"tool", "tenant"}),
        (["ls", "-o", "json"], {"json", "jsonl"}),
    ],
)
def test_verbs_options_and_fixed_values_need_no_database(
    without_database: Llmctl, words: list[str], expected: set[str]
) -> None:
    answer = asked(without_database, *words)
    kind, *offered = answer.out.splitlines()
    assert (answer.code, answer.err, kind) == (0, "", "words")
    assert {line.partition("\t")[0] for line in offered} == expected


def test_where_llmctl_knows_no_value_the_shell_offers_files(without_database: Llmctl) -> None:
    assert asked(without_database, "submit", "-f", "no").out == "files\n"


@pytest.mark.parametrize("words", [["show", ""], ["group", "pause", "a"], ["limit", "set", "tool:c"]])
def test_a_database_that_is_away_offers_nothing_and_says_nothing(
    without_database: Llmctl, words: list[str]
) -> None:
    assert asked(without_database, *words) == Finished(0, "words\n", "")


def test_a_database_that_never_answers_is_given_up(without_database: Llmctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"host=127.0.0.1 port={silent.getsockname()[1]} user=x"
        answer = asked(without_database, "show", "", LLMCTL_DATABASE_URL=url)
    assert (answer.out, answer.err) == ("", "")


def test_the_embedded_server_is_never_started(without_database: Llmctl) -> None:
    before = sorted(without_database.directory.iterdir())
    assert asked(without_database, "show", "", LLMCTL_DATABASE_URL="") == Finished(0, "words\n", "")
    assert sorted(without_database.directory.iterdir()) == before


def test_a_configuration_that_is_wrong_is_told_when_a_verb_runs_and_not_now(
    without_database: Llmctl,
) -> None:
    (without_database.directory / "config.yaml").write_text("databse: {}\n")
    assert asked(without_database, "show", "") == Finished(0, "words\n", "")


@one_postgres
def test_a_configuration_that_the_line_names_is_the_one_that_counts(llmctl: Llmctl) -> None:
    assert "claude-main" in asked(llmctl, "group", "pause", "").out
    (llmctl.directory / "other.yaml").write_text("database: {name: no_such_database_here}\n")
    assert asked(llmctl, "--config", "other.yaml", "group", "pause", "").out == "words\n"


@one_postgres
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ls", "--columns", "number,label:ba"], ["number,label:batch"]),
        (["stats", "--by", "label:"], ["label:batch"]),
        (["ls", "-l", "b"], ["batch=7"]),
        (["ls", "-g", ""], ["claude-main", "codex-main"]),
        (["cancel", "--name", "Fi"], ["Fix it"]),
        (["retry", "--model", ""], ["opus"]),
        (["show", "1"], ["1"]),
    ],
)
def test_what_the_verbs_select_by_is_known(llmctl: Llmctl, words: list[str], expected: list[str]) -> None:
    llmctl.submit("claude", "x", "--label", "batch=7", "--name", "Fix it", "--model", "opus")
    kind, *offered = asked(llmctl, *words).out.splitlines()
    assert (kind, [line.partition("\t")[0] for line in offered]) == ("words", expected)


@one_postgres
def test_tasks_are_offered_newest_first_and_none_twice(llmctl: Llmctl) -> None:
    for _ in range(12):
        llmctl.submit("claude", "x")
    offered = asked(llmctl, "cancel", "11", "3", "").out.splitlines()[1:]
    assert [line.partition("\t")[0] for line in offered] == [
        str(number) for number in range(12, 0, -1) if number not in (11, 3)
    ]


@one_postgres
def test_live_values_come_without_the_database_driver(llmctl: Llmctl) -> None:
    asks = """
import sys
from cli.completion.answer import answer
from cli.main import app
from typer.main import get_command
print(answer(get_command(app), ["group", "pause", "cl"], {"_LLMCTL_COMPLETE": "zsh"}))
print(sorted({"psycopg", "rich", "trio"} & set(sys.modules)))
"""
    answer = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        env=dict(llmctl.environment),
        cwd=llmctl.directory,
        check=True,
    )
    *offered, imported = answer.stdout.splitlines()
    assert [line.partition("\t")[0] for line in offered] == ["words", "claude-main"]
    assert imported == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_can_be_printed(without_database: Llmctl, shell: str) -> None:
    assert "_LLMCTL_COMPLETE" in without_database.ok("--show-completion", shell)


def test_a_shell_without_a_script_is_refused(without_database: Llmctl) -> None:
    refused = without_database("--show-completion", "tcsh")
    assert refused.code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in refused.err
