"""Any file that is given as config.yaml becomes settings or a message: nothing hangs, grows or crashes."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dispatcher.configuration import settings
from dispatcher.configuration.bounded_yaml import MOST_BYTES
from dispatcher.errors import UsageError
from tests.dispatcher.configuration.files import complaint

one_directory = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

MANY_ALIASES = "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 12))
MANY_MERGES = "".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 9}]}}\n" for n in range(1, 12))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"database: {{pool_size: {'9' * 5000}}}", "line 1, column 23: the number has 5,000 characters"),
        (f"execution: {{timeout: {'9' * 5000}.5}}", "line 1, column 22: the number has 5,002 characters"),
        (f"? {'9' * 5000}\n: 1", "line 1, column 3: the number has 5,000 characters"),
        ("[" * 3000 + "]" * 3000, "line 1, column 31: this is nested more than 30 levels deep"),
        ("{a: " * 3000 + "}" * 3000, "nested more than 30 levels deep"),
        ("\n".join(" " * level + "a:" for level in range(1000)), "line 30, column 30: this is nested more"),
        (CHAIN, "nested more than 30 levels deep"),
        ("a0: &a0 [x, x]\n" + MANY_ALIASES, "this holds more than 50,000 values"),
        ("a0: &a0 {x: 1}\n" + MANY_MERGES, "this holds more than 50,000 values"),
        ("a: &a [*a]", "line 1, column 8: the alias is inside the value that it refers to"),
        ("a: &a {<<: *a}", "the alias is inside the value that it refers to"),
        ("- a\n" * 100_000, "line 50000, column 3: this holds more than 50,000 values"),
        ("a: 1\n" * (MOST_BYTES // 5 + 1), "is larger than 1 MiB"),
        ("a: 2031-02-31", "'2031-02-31' is not a valid timestamp: day is out of range for month"),
        ("a: !!timestamp soon", "the tag 'tag:yaml.org,2002:timestamp' is not understood; leave it out"),
        ("a: !!python/name:os.system", "is not understood; leave it out"),
        ("database: {pool_size: 99999999999999999999999}", "database.pool_size: expected `int` <= 1000"),
        ("execution: {max_log_bytes: 0x" + "f" * 90 + "}", "execution.max_log_bytes: expected `int` <="),
        ("groups: {a: {tool: claude, daily_budget_usd: .inf}}", "daily_budget_usd: expected `float` <= 1000000000.0"),
        ('execution: {work_dir: "/a\\0b"}', r"execution.work_dir: '/a\x00b' holds a character that a path"),
        ('execution: {work_dir: "/a\\ud800b"}', r"execution.work_dir: '/a\ud800b' holds a character that a path"),
        ('execution: {work_dir: "/a\\nb"}', "execution.work_dir must not hold a line end"),
        ('security: {allowed_roots: ["/a\\0b"]}', "security.allowed_roots[0]: "),
        ('security: {allowed_roots: ["/a\\nb"]}', "security.allowed_roots must not hold a line end"),
        ('groups: {a: {tool: claude, config_home: "/a\\0"}}', "groups.a.config_home: "),
        ('groups: {a: {tool: claude, env: {A: "b\\0"}}}', "groups.a.env.A: "),
        ('groups: {a: {tool: claude, env: {"A\\0": b}}}', "groups.a.env: the key 'A\\x00' holds"),
        ('groups: {a: {tool: claude, account: "b\\n"}}', "groups.a.account: expected `str` matching regex"),
        ('groups: {a: {tool: claude, hosts: ["b\\n"]}}', "groups.a.hosts[0]: expected `str` matching regex"),
        ('groups: {"a\\n": {tool: claude}}', "is not a valid name"),
        ('dispatcher: {host: "a\\n"}', "dispatcher.host: expected `str` matching regex"),
        ('dispatcher: {groups: ["a\\n"]}', "dispatcher.groups[0]: expected `str` matching regex"),
        ('database: {name: "a\\n"}', "database.name must have at most 63 bytes and no control character"),
        ('tools: {mine: {argv: ["a\\0"]}}', "tools.mine.argv[0]: "),
        ('limits: {"tenant:a\\ud800": 1}', "limits: the key"),
        ('database: {name: "' + "$${a:-" * 150_000 + '"}', "database.name must have at most 63 bytes"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_is_beyond_all_bounds_is_one_sentence(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in complaint(tmp_path, text)


def test_variables_that_are_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"BROKEN", b"/a\xff")
    assert "holds a character that a path" in complaint(tmp_path, "execution: {work_dir: '${BROKEN}'}")


def test_anchors_and_merges_say_a_thing_once(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("""
        groups:
          a: &a {tool: claude, account: a, max_concurrent: 2, env: &env {A: b}}
          b: &b {<<: *a, account: b}
          c: {<<: *b, account: c, env: {<<: *env, B: c}}
        """)
    read = settings.load(file)
    assert [group.account for group in read.groups.values()] == ["a", "b", "c"]
    assert (read.groups["c"].max_concurrent, read.groups["c"].env) == (2, {"A": "b", "B": "c"})


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: os.mkfifo(path), "a pipe"),
        (lambda path: path.mkdir(), "a directory"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
def test_only_a_regular_file_is_a_configuration(
    tmp_path: Path, make: Callable[[Path], None], what: str
) -> None:
    """A pipe without a writer would hold up the start, and after SIGHUP the dispatcher and all its agents."""
    file = tmp_path / "config.yaml"
    make(file)
    with pytest.raises(UsageError, match=f"cannot read .*: it is {what}, not a regular file"):
        settings.load(file)

    assert settings.load(Path("/dev/null")) == settings.Settings()


KEYS = st.sampled_from(
    [
        "database",
        "execution",
        "groups",
        "limits",
        "tools",
        "a",
        "tool",
        "env",
        "url",
        "name",
        "argv",
        "<<",
        "timeout",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | KEYS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS | st.integers(), inside, max_size=3),
    max_leaves=10,
)  # fmt: skip
SYNTAX = st.lists(
    st.sampled_from([*"{}[]:,-?&*!|>'\"%@`#~<=\n\t ", "\n  ", "&a", "*a", "<<: ", "!!int ", "---\n", "a: "])
    | st.text(max_size=2)
    | KEYS,
    max_size=30,
).map("".join)


@one_directory
@given(st.text() | SYNTAX)
@example("? [a]\n: b")
@example("1: {2: 3}")
def test_any_text_is_settings_or_a_sentence(tmp_path: Path, text: str) -> None:
    _load(tmp_path, text.encode(errors="replace"))


@one_directory
@given(st.binary())
def test_any_bytes_are_settings_or_a_sentence(tmp_path: Path, content: bytes) -> None:
    _load(tmp_path, content)


@one_directory
@given(st.dictionaries(KEYS, VALUES))
def test_any_values_are_settings_or_a_sentence(tmp_path: Path, values: dict[str, object]) -> None:
    _load(tmp_path, yaml.safe_dump(values, allow_unicode=True).encode(errors="replace"))


def _load(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with contextlib.suppress(UsageError):
        settings.load(file)
