"""The shell completes what is in the database, and what stands there harms neither the shell nor its user."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.completion.shells import (
    completed_in_bash,
    completed_in_zsh,
    environment_of,
    needs_fish,
    needs_zsh,
    offered_by_fish,
)
from tests.cli.conftest import Llmctl, one_postgres

pytestmark = one_postgres

Complete = Callable[[str, dict[str, str], Path], str]
in_bash_and_zsh = pytest.mark.parametrize(
    "complete", [completed_in_bash, pytest.param(completed_in_zsh, marks=needs_zsh)]
)
HOSTILE = (
    "$(touch harmed)",
    "`touch harmed`",
    r"\$(touch harmed)",
    "'; touch harmed; '",
    '"; touch harmed; "',
    "x\\",
    ") ; touch harmed ; (",
    "*",
    "~root",
    "a\nb\n$(touch harmed)",
    "\x1b]0;title\x07",
    "{a,b} <harmed >harmed",
    "%F{red} %s %n",
)


@in_bash_and_zsh
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("llmctl submit claude x --queue ni", "llmctl submit claude x --queue nightly "),
        ("llmctl submit claude x --label ba", "llmctl submit claude x --label batch=7 "),
        ("llmctl submit claude x --label=batch=", "llmctl submit claude x --label=batch=7 "),
        ("llmctl group pause claude-m", "llmctl group pause claude-main "),
        ("llmctl limit set que", "llmctl limit set queue:"),
        ("llmctl limit set queue:ni", "llmctl limit set queue:nightly "),
        ("llmctl show ", "llmctl show 1 "),
        ("llmctl submit co", "llmctl submit codex "),
        ("llmctl submit claude x --name Fix", r"llmctl submit claude x --name Fix\ the\ bug "),
        ("llmctl submit claude x --name 'Fix t", "llmctl submit claude x --name 'Fix the bug' "),
        ("llmctl submit claude x --from f --columns input,w", None),
        ("llmctl submit -f no", "llmctl submit -f notes.txt "),
        ("llmctl show 7", "llmctl show 7"),
        ("llmctl wat", "llmctl watch "),
    ],
)
def test_the_tab_key_completes_what_is_in_the_database(
    llmctl: Llmctl, tmp_path: Path, complete: Complete, typed: str, expected: str | None
) -> None:
    llmctl.submit("claude", "x", "--name", "Fix the bug", "--label", "batch=7", "--queue", "nightly")
    (tmp_path / "notes.txt").touch()
    assert complete(typed, environment_of(llmctl, tmp_path), tmp_path) == (expected or f"{typed}orkdir ")


@needs_fish
def test_fish_offers_values_with_words_about_them(llmctl: Llmctl, tmp_path: Path) -> None:
    llmctl.submit("claude", "x", "--name", "Fix the bug", "--label", "batch=7", "--queue", "nightly")
    environment = environment_of(llmctl, tmp_path)
    [(number, about)] = offered_by_fish("llmctl show ", environment, tmp_path)
    assert number == "1"
    assert "Fix the bug" in about
    for typed, offered in (
        ("llmctl submit claude x --label ba", "batch=7"),
        ("llmctl submit claude x --label=ba", "--label=batch=7"),
        ("llmctl limit set queue:ni", "queue:nightly"),
        ("llmctl submit claude x --name Fix", "Fix the bug"),
        ("llmctl submit claude x --name Fix\\ t", "Fix the bug"),
    ):
        assert [value for value, _ in offered_by_fish(typed, environment, tmp_path)] == [offered]


@in_bash_and_zsh
def test_names_that_attack_a_shell_are_words_of_it(
    llmctl: Llmctl, tmp_path: Path, complete: Complete
) -> None:
    for place, name in enumerate(HOSTILE):
        llmctl.submit("claude", "x", "--name", f"{place:02}{name}")
    environment = environment_of(llmctl, tmp_path)
    complete("llmctl submit claude x --name ", environment, tmp_path)
    complete("llmctl show ", environment, tmp_path)
    shell = "zsh" if complete is completed_in_zsh else "bash"
    for place, name in enumerate(HOSTILE):
        line = complete(f"llmctl submit claude x --name {place:02}", environment, tmp_path)
        word = line.removeprefix("llmctl submit claude x --name ")
        meant = subprocess.check_output([shell, "-c", f"printf %s {word}"], text=True, cwd=tmp_path)
        assert meant == f"{place:02}{name if name.isprintable() else ''}"
    assert not list(tmp_path.rglob("*harmed*"))


@needs_fish
def test_names_that_attack_a_shell_do_not_harm_fish(llmctl: Llmctl, tmp_path: Path) -> None:
    for name in HOSTILE:
        llmctl.submit("claude", "x", "--name", name)
    environment = environment_of(llmctl, tmp_path)
    offered = {value for value, _ in offered_by_fish("llmctl submit claude x --name ", environment, tmp_path)}
    assert offered == {name for name in HOSTILE if name.isprintable()}
    assert not list(tmp_path.rglob("*harmed*"))


@in_bash_and_zsh
def test_what_is_installed_completes_in_the_next_shell(
    llmctl: Llmctl, tmp_path: Path, complete: Complete
) -> None:
    environment = environment_of(llmctl, tmp_path)
    shell = "zsh" if complete is completed_in_zsh else "bash"
    installed = llmctl("--install-completion", shell, HOME=str(tmp_path))
    assert (installed.code, installed.err) == (0, "")
    assert f"completion installed in {tmp_path}" in installed.out
    assert complete("llmctl group pause claude-m", environment, tmp_path) == "llmctl group pause claude-main "


@needs_fish
def test_what_is_installed_completes_in_the_next_fish(llmctl: Llmctl, tmp_path: Path) -> None:
    assert llmctl("--install-completion", "fish", HOME=str(tmp_path)).code == 0
    environment = environment_of(llmctl, tmp_path)
    offered = offered_by_fish("llmctl group pause c", environment, tmp_path)
    assert [value for value, _ in offered] == ["claude-main", "codex-main"]


def test_a_database_with_another_schema_offers_nothing(llmctl: Llmctl, database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP FUNCTION known_values")
    typed = "llmctl group pause cl"
    assert completed_in_bash(typed, environment_of(llmctl, tmp_path), tmp_path) == typed
