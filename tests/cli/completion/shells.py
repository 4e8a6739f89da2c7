"""Real shells with the completion of `llmctl`, in which the tab key is pressed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Llmctl
from tests.cli.terminal import Terminal

SCRIPTS = ROOT / "cli" / "completion"
TAB = "\t"
SHOW_LINE = "\x18p"
"""Control-X p, which the shell is told to answer with its line of input."""

needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
needs_fish = pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")


def environment_of(llmctl: Llmctl, directory: Path) -> dict[str, str]:
    """Return an environment in which shells find `llmctl` and no startup files of a person."""
    program = directory / "bin" / "llmctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
    program.chmod(0o755)
    return {
        **llmctl.environment,
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "HOME": str(directory),
        "TERM": "xterm",
    }


def completed_in_bash(typed: str, environment: dict[str, str], directory: Path) -> str:
    """Return the line of an interactive bash in which ``typed`` was typed, and then the tab key.

    The directory is its home. What completes is what is installed there, or else the script of the program.
    """
    with (directory / ".bashrc").open("a+") as startup:
        startup.seek(0)
        there = startup.read()
        source = "" if "llmctl.sh" in there else f"source {SCRIPTS}/llmctl.bash\n"
        if "LINE<" not in there:
            startup.write(
                f'PS1=\'ready \'\n{source}bind -x \'"\\C-xp": printf "LINE<%s>\\n" "$READLINE_LINE"\'\n'
            )
    return _completed(["bash", "--noprofile", "-i"], typed, environment, directory)


def completed_in_zsh(typed: str, environment: dict[str, str], directory: Path) -> str:
    """As :func:`completed_in_bash`."""
    with (directory / ".zshrc").open("a+") as startup:
        startup.seek(0)
        there = startup.read()
        begin = f"autoload -Uz compinit; compinit -D\nsource {SCRIPTS}/llmctl.zsh\n"
        if "LINE<" not in there:  # compinit takes 0.2 s of a processor
            startup.write(
                f"PS1='ready '\n{'' if '.zfunc' in there else begin}"
                "show_line() { print -r -- \"LINE<$BUFFER>\" }; zle -N show_line; bindkey '^Xp' show_line\n"
            )
    return _completed(["zsh", "-d", "-i"], typed, environment, directory)


def offered_by_fish(typed: str, environment: dict[str, str], directory: Path) -> list[tuple[str, str]]:
    """Return what fish offers for ``typed``, with the words about it."""
    installed = directory / ".config" / "fish" / "completions" / "llmctl.fish"
    source = "" if installed.exists() else f"source {SCRIPTS}/llmctl.fish; "
    asked = subprocess.run(
        ["fish", "-c", f'{source}complete -C "$argv[1]"', typed],
        capture_output=True,
        text=True,
        env=environment,
        cwd=directory,
        timeout=60,
        check=True,
    )
    assert asked.stderr == ""
    pairs = [line.partition("\t") for line in asked.stdout.splitlines()]
    return [(value, about) for value, _, about in pairs]


def _completed(argv: list[str], typed: str, environment: dict[str, str], directory: Path) -> str:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        argv,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    shell = Terminal(ours, process)
    try:
        shell.until("the prompt", lambda _: "ready " in shell.seen)
        shell.type(typed + TAB + SHOW_LINE)
        shell.until("the line", lambda _: re.search(r"LINE<.*>\r?\n", shell.seen) is not None)
        found = re.findall(r"LINE<(.*)>\r?\n", shell.seen)
        return str(found[-1])
    finally:
        process.kill()
        process.wait()
        os.close(ours)
