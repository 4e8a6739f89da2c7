"""Prompts: from an argument, a file or standard input."""

import sys
from pathlib import Path

from dispatcher.errors import UsageError


def read_prompt(verb: str, argument: str | None, file: str | None) -> str:
    """The prompt that was given in one of these ways; ``verb`` is how the command begins. Raises UsageError."""
    if argument is not None and file is not None:
        raise UsageError("give the prompt as an argument or with -f, not both")
    if argument is not None and argument != "-":
        prompt = argument
    elif file is not None and file != "-":
        try:
            prompt = _decoded(Path(file).read_bytes(), file)
        except OSError as error:
            raise unreadable(file, error) from error
    elif argument is None and file is None and sys.stdin.isatty():
        raise UsageError(
            "there is no prompt",
            hint=f"`llmctl {verb} 'PROMPT'`, `llmctl {verb} -f FILE`, or `… | llmctl {verb}`",
        )
    else:
        prompt = _decoded(sys.stdin.buffer.read(), "standard input")
    return require_prompt(prompt)


def require_prompt(prompt: str) -> str:
    """The prompt, if it can be one. Raises UsageError."""
    if not prompt or prompt.isspace():
        raise UsageError("the prompt is empty")
    if "\0" in prompt:
        raise UsageError("the prompt holds a NUL character, which the database cannot keep")
    return prompt


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the prompt in {source} is not UTF-8: {error.reason} at byte {error.start}"
        ) from error


def unreadable(path: str, error: OSError) -> UsageError:
    """The refusal of a file that cannot be read."""
    return UsageError(f"cannot read {path!r}: {error.strerror}")
