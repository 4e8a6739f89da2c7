"""Prompts: from an argument, a file or standard input."""

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from dispatcher.configuration.given_files import unreadable
from dispatcher.errors import UsageError
from dispatcher.task_rows.prompts import MOST_PROMPT_BYTES, require_prompt, too_long
from wrappers.registry import BUILT_IN

PromptFileOption = Annotated[
    str | None, typer.Option("-f", "--file", metavar="FILE", help="Read the prompt from FILE.")
]
_TOOL = re.compile(r"[a-z0-9][a-z0-9_.-]*", re.ASCII)


def require_tool(tool: str | None, prompt: str | None, file: str | None) -> str:
    """Return the tool if it can be one: a prompt without a tool in front of it stands in its place.

    Raises UsageError with the tools.
    """
    known = f"{', '.join(BUILT_IN)} or another tool that has a worker group"
    if tool is None:
        raise UsageError(f"there is no tool: expected {known}", hint="`llmctl submit claude 'PROMPT'`")
    if prompt is None and file is None and not _TOOL.fullmatch(tool):
        raise UsageError(
            f"{(tool if len(tool) <= 80 else f'{tool[:80]}…')!r} is not a tool: expected {known}, and then the prompt",
            hint=f"`llmctl submit claude {shlex.quote(tool) if len(tool) <= 80 else 'PROMPT'}`",
        )
    return tool


def read_prompt(verb: str, argument: str | None, file: str | None, what: str = "prompt") -> str:
    """Return the prompt that was given in one of these ways; ``verb`` is the beginning of the command, for hints.

    ``what`` is the word for a text that is given as prompts are.

    Raises UsageError.
    """
    if argument is not None and file is not None:
        raise UsageError(f"give the {what} as an argument or with -f, not both")
    if argument is not None and argument != "-":
        prompt = argument
    elif file is not None and file != "-":
        try:
            with Path(file).open("rb") as source:
                prompt = _read(source, file, what)
        except (OSError, ValueError) as error:
            raise unreadable(file, error) from error
    elif argument is None and file is None and sys.stdin.isatty():
        raise UsageError(
            f"there is no {what}",
            hint=_ways(verb, what),
        )
    else:
        prompt = _read(sys.stdin.buffer, "standard input", what)
        if not prompt or prompt.isspace():
            raise UsageError(f"standard input holds no {what}", hint=_ways(verb, what))
    return require_prompt(prompt, what)


def _ways(verb: str, what: str) -> str:
    return f"`llmctl {verb} '{what.upper()}'`, `llmctl {verb} -f FILE`, or `… | llmctl {verb}`"


def _read(file: BinaryIO, source: str, what: str) -> str:
    content = file.read(MOST_PROMPT_BYTES + 1)
    if len(content) > MOST_PROMPT_BYTES:
        raise too_long(f"the {what} in {source}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the {what} in {source} is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
