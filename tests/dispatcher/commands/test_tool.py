"""`dispatcher tool …`, as processes, without a database."""

import json
import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from dispatcher.commands.tool_trial import CONSEQUENCES
from dispatcher.errors import ExitCode
from tests.fixtures.dispatchers import DISPATCHER, Site
from wrappers.command import presets
from wrappers.command.settings import ErrorClass
from wrappers.registry import BUILT_IN, names

MYTOOL = r"""
argv: [mytool, --json, {permission: {read: [], edit: [--edit]}}]
output: jsonl
events:
  - {when: {type: start}, session: id}
  - {when: {type: turn}, begins: true}
  - {when: {type: say}, answer: text, say: text}
  - {when: {type: tool}, activity: 'runs {command}', add: {input_tokens: in, output_tokens: out, cost_usd: usd}}
  - {when: {type: refused}, denied: 'runs {command}'}
  - {when: {type: error}, error: text, status: status}
  - {when: {type: retry}, error: text, status: status, waits: true}
  - {when: {type: done}, ends: true}
  - {stderr: 'FATAL (?P<what>.*)', error: what}
errors:
  - {match: 'limit, again in (?P<minutes>\d+) minutes', class: limit}
"""
LINES = [
    {"type": "start", "id": "s-1"},
    {"type": "hello"},
    {"type": "error", "text": "lost", "status": 503},
    {"type": "retry", "text": "slow", "status": 429},
    {"type": "turn"},
    {"type": "tool", "command": "ls\u001b[2J", "in": 7, "out": 2, "usd": 0.5},
    {"type": "refused", "command": "rm"},
    {"type": "say", "text": "All\ndone."},
    {"type": "done"},
]
PRINTED = "".join(json.dumps(line) + "\n" for line in LINES)
SHOWN = """\
stdout 1    session: s-1
stdout 3    error: lost (status 503)
stdout 4    error, if the run fails: slow (status 429)
            waits for its service, and has done nothing yet
stdout 5    begins: the answer, the error and the end so far do not count
stdout 6    counts: input_tokens 7
            counts: output_tokens 2
            counts: cost_usd 0.5
            does: runs ls
stdout 7    denied: runs rm
stdout 8    answer: All done.
            says: All done.
stdout 9    ends
not known: 1 line of stdout, first line 2: {"type": "hello"}

succeeded   All done.
session     s-1
tokens      7 in (of them 0 from a cache), 2 out
cost        $0.5
denied      runs rm
"""


def dispatcher(
    directory: Path, *arguments: str, given: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [*DISPATCHER, *arguments],
        env={**inherited, "HOME": str(directory), "LLMCTL_HOME": str(directory / "home"), **variables},
        cwd=directory,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def mytool(tmp_path: Path) -> Path:
    (tmp_path / "mytool.yaml").write_text(MYTOOL)
    return tmp_path


def test_each_line_is_explained_and_what_the_run_comes_to(mytool: Path) -> None:
    tried = dispatcher(mytool, "tool", "try", "mytool.yaml", given=PRINTED)

    assert (tried.stdout, tried.stderr, tried.returncode) == (SHOWN, "", 0)
    assert not (mytool / "home").exists(), "no database is made"


def test_a_failure_has_its_class_and_what_that_does(mytool: Path) -> None:
    (mytool / "err").write_text("noise\nFATAL usage limit, again in 5 minutes\n")
    tried = dispatcher(
        mytool, "tool", "try", "mytool.yaml", "--exit-code", "3", "--stderr", "err", given='{"type": "turn"}'
    )

    assert tried.returncode == ExitCode.FAILED
    assert "stderr 2    error: usage limit, again in 5 minutes\n" in tried.stdout
    assert f"failed      limit: {CONSEQUENCES['limit']}\n" in tried.stdout
    assert "message     mytool has reached the usage limit of its account (mytool said: " in tried.stdout
    assert "resets in   300 s\n" in tried.stdout
    assert "session     none: the task cannot be continued\n" in tried.stdout


def test_a_program_gets_the_same_as_json(mytool: Path) -> None:
    tried = dispatcher(mytool, "tool", "try", "mytool.yaml", "-o", "json", given=PRINTED)
    read = json.loads(tried.stdout)

    assert read["steps"][0] == {"stream": "stdout", "line": 1, "means": ["session: s-1"]}
    assert (read["unknown"], read["first_unknown"]) == (1, 2)
    assert (read["succeeded"], read["error_class"], read["final_text"]) == (True, None, "All\ndone.")
    assert (read["input_tokens"], read["cost_usd"], read["denials"]) == (7, 0.5, ["runs rm"])


def test_a_report_is_read_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "vibe.yaml").write_text(
        'argv: [vibe, "{report_directory}"]\noutput: text\n'
        "report: {file: e.json, events: [{when: {ok: true}, ends: true, session: id}, {error: error}]}\n"
    )
    (tmp_path / "e.json").write_text('{"ok": true, "id": "s"}')
    tried = dispatcher(tmp_path, "tool", "try", "vibe.yaml", "--report", "e.json", given="hi\n\nyou\n")

    assert tried.returncode == 0
    assert "succeeded   hi you\nsession     s\n" in tried.stdout
    assert dispatcher(tmp_path, "tool", "try", "vibe.yaml", given="hi\n").returncode == ExitCode.FAILED


@pytest.mark.parametrize(
    "text",
    [
        "mine:\n  argv: [mine]\n  output: jsonl\n  answer: a\n",
        "tools:\n  mine:\n    argv: [mine]\n    output: jsonl\n    answer: a\n",
    ],
)
def test_a_file_may_name_its_tool(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    tried = dispatcher(tmp_path, "tool", "try", "x.yaml", "-o", "json", given='{"a": "hi"}')

    assert json.loads(tried.stdout)["tool"] == "mine"


def test_a_tool_is_tried_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("tools: {mine: {argv: [mine], output: json, answer: a}}")
    config = str(tmp_path / "config.yaml")

    mine = dispatcher(tmp_path, "--config", config, "tool", "try", "mine", given='{"a": "hi"}')
    claude = dispatcher(
        tmp_path, "tool", "try", "claude", given='{"type": "result", "is_error": true, "result": "no"}\n'
    )

    assert (mine.returncode, "succeeded   hi\n" in mine.stdout) == (0, True)
    assert (claude.returncode, "failed      " in claude.stdout) == (ExitCode.FAILED, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "argv: [a]\noutput: jsonl\nevents: [{whne: {}}]",
            "x.yaml: events[0].whne is not a known key; did you",
        ),
        ("mine: {argv: [a, 7]}", "x.yaml: mine: argv[1]: expected `str"),
        ("argv: [a]\noutput: jsonl", "x.yaml: tools.x: output: jsonl needs answer"),
        ("preset: nobody", "x.yaml: tools.x.preset: there is no preset 'nobody'"),
        ("- a", "x.yaml: expected keys and values"),
        ("a: [", "x.yaml: line 1, column 5: "),
    ],
)
def test_a_bad_description_is_refused_with_its_key(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    tried = dispatcher(tmp_path, "tool", "try", "x.yaml")

    assert (tried.returncode, tried.stdout) == (ExitCode.USAGE, "")
    assert expected in tried.stderr


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert dispatcher(tmp_path, "tool", "try", "nobody").returncode == ExitCode.NOT_FOUND
    assert dispatcher(tmp_path, "tool", "show", "nobody").returncode == ExitCode.NOT_FOUND
    missing = dispatcher(tmp_path, "tool", "try", "qwen", "--stderr", "missing")
    assert (missing.returncode, "cannot read 'missing'" in missing.stderr) == (ExitCode.USAGE, True)


def test_what_hostile_output_holds_reaches_no_terminal(mytool: Path) -> None:
    hostile = json.dumps({"type": "start", "id": "s"}) + "\x1b[2J\x07\n\x1b]0;x\x07\n\xff\n"

    for options in ([], ["-o", "json"]):
        tried = dispatcher(mytool, "tool", "try", "mytool.yaml", *options, given=hostile)
        assert "\x1b" not in tried.stdout
        assert "\x07" not in tried.stdout


def test_all_tools_are_listed(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "qwen"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "config.yaml").write_text("tools: {mine: {argv: [mine], proof: none}}")
    options = ["--config", str(tmp_path / "config.yaml"), "tool", "list"]
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    listed = {
        tool["name"]: tool for tool in json.loads(dispatcher(tmp_path, *options, "-o", "json", **path).stdout)
    }
    table = dispatcher(tmp_path, *options, **path).stdout.splitlines()

    assert set(listed) == {*names(), "mine"}
    assert {name for name, tool in listed.items() if tool["kind"] == "built in"} == set(BUILT_IN)
    assert listed["qwen"]["path"] == str(program)
    assert listed["qwen"]["permissions"] == ["read", "edit", "full"]
    assert listed["mine"] == {
        "name": "mine",
        "kind": "config.yaml",
        "program": "mine",
        "path": None,
        "measured": None,
        "permissions": ["read", "edit", "full"],
        "is_proven": False,
    }
    assert table[0].split() == ["TOOL", "KIND", "PROGRAM", "MEASURED", "PROFILES", "SUCCESS"]
    assert any(line.startswith("mine ") and line.endswith("not proven") for line in table)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_is_printed_as_it_is_and_works_as_a_file(tmp_path: Path, name: str) -> None:
    shown = dispatcher(tmp_path, "tool", "show", name)
    (tmp_path / f"{name}.yaml").write_text(shown.stdout)
    tried = dispatcher(tmp_path, "tool", "try", f"{name}.yaml")

    assert shown.stdout == presets.text(name)
    assert (tried.returncode, tried.stderr) == (ExitCode.FAILED, "")


def test_a_built_in_tool_has_no_description(tmp_path: Path) -> None:
    shown = dispatcher(tmp_path, "tool", "show", "claude")

    assert (shown.returncode, "claude is built in" in shown.stderr) == (ExitCode.USAGE, True)


def test_what_a_class_does_is_what_the_database_does(site: Site) -> None:
    rows = site.sql("SELECT name, uses_attempt, retried, wait_reason, group_action FROM error_classes")
    policy = {row.pop("name"): tuple(row.values()) for row in rows}

    assert set(CONSEQUENCES) == {*get_args(ErrorClass), "question"}
    for error_class, sentence in CONSEQUENCES.items():
        uses_attempt, retried, wait_reason, group_action = policy[error_class]
        assert (sentence == "the task fails") == (not retried), error_class
        assert ("while it has attempts" in sentence) == (uses_attempt and retried), error_class
        assert ("uses up no attempt" in sentence) == (not uses_attempt and wait_reason == "retry"), (
            error_class
        )
        assert ("is paused" in sentence) == (group_action == "pause"), error_class
        assert ("takes no tasks" in sentence) == (group_action == "cool down"), error_class
        assert ("waits for an answer" in sentence) == (wait_reason == "question"), error_class
