"""`llmctl submit --from`: a file becomes tasks, all of them or none, and submitting it again queues nothing twice."""

import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Llmctl, one_postgres
from tests.cli.input.bulk import MODULES, how_many, modules

__all__ = ["modules"]

pytestmark = one_postgres


def queued(llmctl: Llmctl, *wanted: str) -> list[tuple[object, ...]]:
    """Some values of each task, first to last."""
    listed = msgspec.json.decode(llmctl.ok("ls", "-o", "json"), type=list[dict[str, object]])
    shown = [
        msgspec.json.decode(llmctl.ok("show", str(row["number"]), "-o", "json"))
        for row in sorted(listed, key=lambda row: int(str(row["number"])))
    ]
    return [tuple(task[key] for key in wanted) for task in shown]


COLUMNS = ("--columns", "input,workdir,permission")


def test_each_row_becomes_a_task_with_the_templates_filled_in(llmctl: Llmctl, modules: Path) -> None:
    said = llmctl.ok(
        *("submit", "--from", "modules.csv", "claude", "Test {{module}} for {{ owner }} in \\{{braces}}"),
        *(
            "--name",
            "{{module}}",
            "--key",
            "k-{{module}}",
            "--output",
            "{{module}}.md",
            "--label",
            "of={{owner}}",
        ),
        *("--queue", "q-{{module}}", "--tenant", "{{owner}}", "--model", "m-{{priority}}", "--timeout", "1h"),
    )
    assert said.splitlines()[0] == "2 tasks: 2 created (1 to 2)"
    assert re.fullmatch("task 1: no dispatcher is running.*", said.splitlines()[1])
    keys = (
        *("prompt", "name", "idempotency_key", "output_files", "labels", "queue", "tenant_id", "model"),
        *("priority", "timeout_s"),
    )
    assert queued(llmctl, *keys) == [
        (
            *("Test login for Ann in {{braces}}", "login", "k-login", ["login.md"], {"of": "Ann"}),
            *("q-login", "Ann", "m-8", 8, 3600),
        ),
        (
            *("Test billing for Bob in {{braces}}", "billing", "k-billing", ["billing.md"], {"of": "Bob"}),
            *("q-billing", "Bob", "m-", 5, 3600),
        ),
    ]


EVERY_FIELD = {
    "tool": "claude", "prompt": "Do {{it}}", "model": "opus", "fallback-model": "haiku", "account": "main",
    "priority": 9, "name": 17, "labels": {"team": "web", "why": "a;b"}, "input": ["there:data/a", "there"],
    "output": "out/a.md; log", "workdir": "/srv/../src", "delay": "1d", "timeout": "2h", "stall_timeout": "90s",
    "Retries": 4, "retry on": "timeout, lost", "retry-delay": "1m30s", "tenant": "acme", "queue": "night",
    "key": "k-1", "permission": "read",
}  # fmt: skip


def test_every_option_is_a_key(llmctl: Llmctl) -> None:
    (llmctl.directory / "there").write_text("content")
    every = ("--columns", "input, Workdir,permission")
    number = llmctl.ok("submit", "--from", "-", "-q", *every, stdin=msgspec.json.encode(EVERY_FIELD))
    expected = {
        "tool": "claude", "prompt": "Do {{it}}", "model": "opus", "account": "main", "priority": 9, "name": "17",
        "labels": {"team": "web", "why": "a;b"}, "output_files": ["out/a.md", "log"], "workdir": "/src",
        "timeout_s": 7200, "stall_timeout_s": 90, "max_attempts": 5, "backoff_s": 90, "tenant_id": "acme",
        "queue": "night", "idempotency_key": "k-1", "permission": "read", "wait_reason": "scheduled",
    }  # fmt: skip
    assert queued(llmctl, *expected) == [tuple(expected.values())]
    assert llmctl.ok("files", "get", number, "data/a", "-o", "-") == "content"
    rendered = llmctl(
        "submit", "--from", "-", "--dry-run", "-o", "json", *every, stdin=msgspec.json.encode(EVERY_FIELD)
    )
    task = msgspec.json.decode(rendered.out, type=dict[str, object])
    assert (task["retry_on"], task["fallback_model"], task["delay_s"]) == (
        ["timeout", "lost"],
        "haiku",
        86_400,
    )


def test_a_row_wins_over_the_command_line_and_labels_come_together(llmctl: Llmctl) -> None:
    rows = [
        {"tool": "codex", "at": "23:59", "labels": {"team": "web"}, "output": ["own.md"], "prompt": None},
        {"label": "batch=other; part=2", "priority": ""},
    ]
    llmctl.ok(
        *("submit", "--from", "-", "claude", "x", "--delay", "1h", "--priority", "3"),
        *("--label", "batch=night", "--label", "team=db", "--output", "default.md"),
        stdin="\n".join(msgspec.json.encode(row).decode() for row in rows),
    )
    assert queued(llmctl, "tool", "priority", "labels", "output_files") == [
        ("codex", 3, {"batch": "night", "team": "web"}, ["own.md"]),
        ("claude", 3, {"batch": "other", "team": "db", "part": "2"}, ["default.md"]),
    ]


def test_each_task_gets_the_input_files_of_its_row(llmctl: Llmctl) -> None:
    for name in ("a", "b"):
        (llmctl.directory / f"{name}.py").write_text(f"# {name}")
    rows = '{"file": "a.py"}\n{"file": "b.py"}'
    numbers = llmctl.ok(
        "submit", "--from", "-", "claude", "Review {{file}}", "--input", "{{file}}:it.py", "-q", stdin=rows
    ).split()
    assert [llmctl.ok("files", "get", one, "it.py", "-o", "-") for one in numbers] == ["# a", "# b"]


def test_braces_in_data_arrive_whole(llmctl: Llmctl) -> None:
    prompts = ["${{ github.ref }} {{", "{{prompt}} \\{{x}}"]
    stdin = "\n".join(msgspec.json.encode({"prompt": prompt}).decode() for prompt in prompts)
    llmctl.ok("submit", "--from", "-", "claude", "--name", "{{prompt}}", stdin=stdin)
    assert queued(llmctl, "prompt", "name") == [(prompt, prompt) for prompt in prompts]


def test_submitting_again_queues_nothing_twice(llmctl: Llmctl, modules: Path) -> None:
    submit = ("submit", "--from", "modules.csv", "claude", "Test {{module}}", "--key", "{{module}}")
    assert llmctl(*submit).out.startswith("2 tasks: 2 created")
    assert llmctl(*submit).out == "2 tasks: 2 already known\n"
    with modules.open("a") as more:
        more.write("search,1,Eve\n")
    again = llmctl(*submit)
    assert (again.code, again.err) == (0, "not used: owner\n")
    assert re.match(r"3 tasks: 1 created \(\d+\), 2 already known\n", again.out)


def test_a_key_with_another_prompt_warns_with_its_line(llmctl: Llmctl, modules: Path) -> None:
    submit = ("submit", "--from", "modules.csv", "claude", "--key", "{{module}}")
    llmctl.ok(*submit, "Test {{module}} of {{owner}}")
    modules.write_text(MODULES.replace("Bob", "Eve"))
    again = llmctl(*submit, "Test {{module}} of {{owner}}")
    assert (again.code, again.out) == (
        0,
        "2 tasks: 2 already known, 1 of them with another tool, model or prompt\n",
    )
    assert re.fullmatch(r"warning: modules.csv:3: task 2 has this key but another .*\n", again.err)


def test_thousands_of_warnings_are_counted(llmctl: Llmctl) -> None:
    rows = "".join(f'{{"n": {number}}}\n' for number in range(2000))
    llmctl.ok("submit", "--from", "-", "claude", "{{n}}", "--key", "k{{n}}", stdin=rows)
    again = llmctl("submit", "--from", "-", "claude", "again {{n}}", "--key", "k{{n}}", "-q", stdin=rows)
    assert len(again.out.splitlines()) == 2000
    warnings = again.err.splitlines()
    assert (len(warnings), warnings[-1]) == (
        11,
        "warning: 1,990 more tasks have a key of another task",
    )


def test_quiet_prints_numbers_and_json_a_line_for_each_task(llmctl: Llmctl, modules: Path) -> None:
    submit = ("submit", "--from", "modules.csv", "claude", "{{module}} {{owner}}")
    assert llmctl.ok(*submit, "-q") == "1\n2"
    said = [msgspec.json.decode(line) for line in llmctl.ok(*submit, "-o", "json").splitlines()]
    assert [(one["line"], one["number"], one["created"], one["same"]) for one in said] == [
        (2, 3, True, True),
        (3, 4, True, True),
    ]


@pytest.mark.parametrize("chunk", [[], ["--chunk", "1"]])
def test_a_file_without_rows_queues_nothing(llmctl: Llmctl, chunk: list[str]) -> None:
    assert llmctl.ok("submit", "--from", "-", "claude", "x", *chunk) == "standard input holds no tasks"


@pytest.mark.parametrize(
    ("row", "arguments", "complaint"),
    [
        ('{"promt": "x"}', ["claude", "x"], "'promt' is not a field of a task; did you mean 'prompt'?"),
        (
            '{"a": 1, "promt": "x"}',
            ["claude", "{{a}}"],
            "'promt' is not a field of a task; did you mean 'prompt'?",
        ),
        ('{"timeout_s": 1}', ["claude", "x"], "did you mean 'timeout'?"),
        ('{"max_attempts": 1}', ["claude", "x"], "did you mean 'retries'?"),
        ('{"ticket": 1}', ["claude", "x"], "'ticket' is not a field of a task, and no template uses it"),
        ('{"Key": "a", "key": "b"}', ["claude", "x"], "'Key' and 'key' both name the key"),
        ('{"a": 1}', ["claude", "{{b}}"], "prompt: there is no {{b}}; there is a"),
        ('{"a": null}', ["claude", "x", "--key", "{{a}}"], "key: {{a}} is null here"),
        ('{"a": " "}', ["claude", "{{a}}"], "prompt: the prompt is empty"),
        ('{"a": "x\\u0000"}', ["claude", "{{a}}"], "prompt: the prompt contains a NUL character"),
        ('{"label": {"a": "\\u0000"}}', ["claude", "x"], "there is a NUL character"),
        ("{}", ["claude"], "there is no prompt"),
        ('{"prompt": "x"}', [], "there is no tool"),
        ('{"priority": 0}', ["claude", "x"], "priority: '0' is not a whole number from 1 to 9"),
        ('{"priority": 1.5}', ["claude", "x"], "priority: '1.5' is not a whole number"),
        ('{"retries": true}', ["claude", "x"], "retries: 'true' is not a whole number"),
        ('{"name": ["x"]}', ["claude", "x"], 'name: ["x"] is not text'),
        (
            '{"permission": "root"}',
            ["claude", "x", *COLUMNS],
            "permission: 'root' is not one of read, edit, full",
        ),
        ('{"delay": 90}', ["claude", "x"], "delay: '90' has no unit: write 90s, 90m, 90h or 90d"),
        ('{"delay": "soon"}', ["claude", "x"], "delay: 'soon' is not a length of time"),
        ('{"at": "soon"}', ["claude", "x"], "at: 'soon' is not a time"),
        ('{"at": "22:00", "delay": "1h"}', ["claude", "x"], "give at or delay, not both"),
        ('{"label": "alone"}', ["claude", "x"], "label: 'alone' is not a label: expected KEY=VALUE"),
        ('{"input": "missing"}', ["claude", "x", *COLUMNS], "input: cannot read 'missing'"),
        ('{"input": "a\\u0000b"}', ["claude", "x", *COLUMNS], "input: cannot read"),
        (
            '{"input": "/dev/zero:z"}',
            ["claude", "x", *COLUMNS],
            "input: cannot read '/dev/zero': it is a device",
        ),
        ('{"input": "."}', ["claude", "x", *COLUMNS], "input: cannot read '.': it is a directory"),
        (
            '{"workdir": "~\\u0000"}',
            ["claude", "x", *COLUMNS],
            "workdir: '~\\x00' names a home directory that does not exist",
        ),
        ('{"workdir": "/a\\u0000"}', ["claude", "x", *COLUMNS], "there is a NUL character"),
        (
            '{"input": "/etc/passwd"}',
            ["claude", "x"],
            "the column 'input' names files to read, which a file may",
        ),
        (
            '{"Workdir": "/"}',
            ["claude", "x", "--columns", "input"],
            "the column 'Workdir' chooses the directory",
        ),
        ('{"permission": null}', ["claude", "x"], "the column 'permission' chooses what the agent may do"),
        (
            '{"priority": ' + "9" * 5000 + "}",
            ["claude", "x"],
            "this is not a JSON object: Integer value out of range",
        ),
        ('{"timeout": ' + "9" * 4000 + "}", ["claude", "x"], "timeout: '9999"),
        ('{"delay": 1e99999999999999999999}', ["claude", "x"], "is too large or too small for a number"),
        ('{"label": {"a": 1e9999}}', ["claude", "x"], "1e9999 is too large or too small for a number"),
        ('{"at": "' + "9" * 5000 + '"}', ["claude", "x"], "at: '9999"),
        ('{"label": {"a": ' + "[" * 5000 + "]" * 5000 + "}}", ["claude", "x"], "more than 100 levels"),
        ('{"label": {"a": ' + "[" * 200 + "]" * 200 + "}}", ["claude", "x"], "more than 100 levels"),
        # These only the database can know.
        ('{"tool": "clade"}', ["claude", "x"], "unknown tool 'clade'"),
        ('{"account": "other"}', ["claude", "x"], "no worker group serves tool claude with account 'other'"),
        ('{"retry-on": "never"}', ["claude", "x"], "retry_on: 'never' is not an error"),
        ('{"output": "../x"}', ["claude", "x"], "a name that is not allowed: '../x'"),
        ('{"queue": "a\\nb"}', ["claude", "x"], "queue must not hold control characters"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_queued(
    llmctl: Llmctl, database: str, row: str, arguments: list[str], complaint: str
) -> None:
    good = '{"tool": "claude", "prompt": "x", "a": "1", "b": "2"}\n'
    row_and_good = f"{good * 2}\n{row}\n{good}" if "{{" in " ".join(arguments) else f"\n\n\n{row}\n"
    refused = llmctl("submit", "--from", "-", *arguments, stdin=row_and_good)
    assert (refused.code, refused.out) == (2, "")
    first, *rest = refused.err.splitlines()
    assert first.startswith("error: standard input:4: ")
    assert complaint in first
    assert first.endswith("(nothing was queued)")
    assert all(line.startswith("hint: ") for line in rest)
    assert how_many(database) == 0


def test_ten_bad_rows_are_named_and_all_are_counted(llmctl: Llmctl, database: str) -> None:
    good, bad = '{"delay": "1h"}\n', '{"delay": 90}\n'
    refused = llmctl("submit", "--from", "-", "claude", "x", stdin=good + bad * 40 + good + "{")
    first, *named, hidden = refused.err.splitlines()
    assert (refused.code, refused.out, how_many(database)) == (2, "", 0)
    assert first == "error: 41 rows are wrong:"
    assert named == [
        f"  standard input:{line}: delay: '90' has no unit: write 90s, 90m, 90h or 90d"
        for line in range(2, 12)
    ]
    assert hidden == "  …and 31 more (nothing was queued)"
    shown = llmctl("submit", "--dry-run", "--from", "-", "claude", "x", stdin=bad * 2)
    assert (shown.code, shown.err.splitlines()[0]) == (2, "error: 2 rows are wrong:")


def test_bad_rows_of_a_chunk_are_named_without_reading_the_next_one(llmctl: Llmctl, database: str) -> None:
    rows = "{}\n" * 2 + '{"delay": 1}\n' * 2 + '{"delay": 2}\n' * 2
    refused = llmctl("submit", "--from", "-", "claude", "x", "--chunk", "2", stdin=rows)
    assert refused.err.startswith("error: 2 rows are wrong:\n  standard input:3: delay: '1' has no unit")
    assert "2 tasks up to line 2 are queued" in refused.err
    assert how_many(database) == 2


def test_a_file_from_somebody_else_reads_no_file_and_chooses_no_directory_and_no_permission(
    llmctl: Llmctl, database: str
) -> None:
    """The error says which option allows it. A template that names the column allows it, too."""
    rows = '{"prompt": "x"}\n{"prompt": "y", "input": "/etc/passwd", "permission": "full"}'
    refused = llmctl("submit", "--from", "-", "claude", stdin=rows)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        "error: standard input:2: the column 'input' names files to read, which a file may do only if the "
        "command line allows it (nothing was queued)",
        "hint: if you trust the author of the file: --columns input,permission; else remove the column",
    ]
    assert how_many(database) == 0
    llmctl.ok("submit", "--from", "-", "claude", "--columns", "input,permission", stdin=rows)
    assert how_many(database) == 2


def test_what_templates_would_make_is_bounded_before_it_is_made(llmctl: Llmctl, database: str) -> None:
    stdin = msgspec.json.encode({"a": "x" * 2**20})
    for options in (["{{a}}" * 1000], ["x", *["--label", "a={{a}}"] * 1000]):
        refused = llmctl("submit", "--from", "-", "claude", *options, stdin=stdin)
        assert refused.code == 2
        assert re.search("the template would make [0-9,]+ characters; there is room for", refused.err)
    assert how_many(database) == 0


def test_columns_that_are_not_used_are_named_up_to_a_bound(llmctl: Llmctl) -> None:
    rows = "".join(f'{{"a": 1, "column of row {number}": 1}}\n' for number in range(500))
    said = llmctl("submit", "--from", "-", "claude", "{{a}}", "--dry-run", "-o", "json", stdin=rows)
    assert said.err.startswith("not used: column of row 0, ")
    assert said.err.splitlines()[0].endswith(", column of row 19, …")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["claude", "Test {{module"], "prompt: line 1 of the template"),
        (["claude", "x", "--label", "alone"], "label: 'alone' is not a label: expected KEY=VALUE"),
        (["claude", "x", "--input", "missing"], "input: cannot read 'missing'"),
        (["claude", "x", "--follow"], "--follow works for one task only"),
        (["claude", "x", "--chunk", "0"], "--chunk"),
        (["claude", "x", "--from-format", "xml"], "'xml' is not one of"),
        (
            ["claude", "x", "--columns", "input,prompt"],
            "'input,prompt' is not valid for --columns: expected input, workdir, repo, setup, check, permission,",
        ),
        (
            ["claude", "x", "--columns", ""],
            "'' is not valid for --columns: expected input, workdir, repo, setup, check, permission",
        ),
        (["claude", "x", "-f", "modules.csv"], "as an argument or with -f"),
    ],
)
def test_a_bad_command_line_is_refused(
    llmctl: Llmctl, modules: Path, arguments: list[str], complaint: str
) -> None:
    refused = llmctl("submit", "--from", "modules.csv", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert complaint in refused.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--from", "missing.csv", "claude", "x"], "cannot read 'missing.csv'"),
        (["--from", ".", "claude", "x", "--from-format", "csv"], "cannot read '.': Is a directory"),
        (["--from", "-", "claude", "-"], "standard input can be the prompt or the file of tasks, not both"),
        (
            ["--from", "-", "claude", "-f", "-"],
            "standard input can be the prompt or the file of tasks, not both",
        ),
        (["claude", "x", "--chunk", "5"], "--columns, --chunk and --from-format need --from"),
        (["claude", "x", "--columns", "input"], "--columns, --chunk and --from-format need --from"),
        (["claude", "x", "--follow", "--wait"], "--follow prints a log"),
        (["claude", "x", "--follow", "-o", "json"], "--follow prints a log"),
    ],
)
def test_what_does_not_go_together_is_refused(llmctl: Llmctl, arguments: list[str], complaint: str) -> None:
    refused = llmctl("submit", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert complaint in refused.err


def test_an_empty_cell_leaves_its_option_to_the_command_line(llmctl: Llmctl) -> None:
    (llmctl.directory / "modules.csv").write_text("module,priority,owner\nlogin,8,Ann\nbilling,,Bob\n")
    llmctl.ok(
        *("submit", "--from", "modules.csv", "claude", "Test {{module}}. {{owner}} will read it."),
        *("--priority", "3", "--key", "tests-{{module}}"),
    )
    assert queued(llmctl, "prompt", "priority", "idempotency_key") == [
        ("Test login. Ann will read it.", 8, "tests-login"),
        ("Test billing. Bob will read it.", 3, "tests-billing"),
    ]
