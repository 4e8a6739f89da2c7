r"""What `llmctl` prints when a shell asks it to complete words. The scripts beside this file ask.

The first line says what the others are: ``words``, ``parts`` (no blank follows them), or ``files``: the shell offers
its own. zsh and fish get ``value<TAB>about`` and quote values themselves. bash does not, so it gets words of shell, and
only what comes after the last ``:`` or ``=``, where its words begin.

Names of tasks and labels come from anybody. No script evaluates a line, and a value with a control character, which
could end a line, is left out.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# typer, which is pinned, makes no public name of these.
from typer._click.shell_completion import CompletionItem, _resolve_context, _resolve_incomplete

from cli.input.completers import NOTHING

ASKS = "_LLMCTL_COMPLETE"
"""The variable that names the shell which asks."""
_NEEDS_QUOTES = re.compile(r"[^\w@%+,./:=-]")
_ABOUT = 80
"""Characters that a shell shows of the word about a value."""


class Typed(NamedTuple):
    """What stands before the cursor: whole words, the word itself, and whether a quote is open in it.

    ``word`` is the part of the word that bash replaces, as it was typed.
    """

    words: Sequence[str]
    incomplete: str
    word: str = ""
    is_quoted: bool = False


def answer(command: Any, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what the shell expects on standard output."""
    if environment[ASKS] not in ("bash", "zsh", "fish"):
        return ""  # the script of another version asks
    if environment[ASKS] == "bash":
        typed = _split(environment.get("_LLMCTL_LINE", ""), environment.get("_LLMCTL_WORD", ""))
    else:
        typed = Typed(arguments[:-1], "".join(arguments[-1:]))
    words = list(typed.words)
    context = _resolve_context(command, {}, "llmctl", words)
    completed, incomplete = _resolve_incomplete(context, words, typed.incomplete)
    items = completed.shell_complete(context, incomplete)
    if not items:
        return "files"
    given = typed.words if getattr(completed, "nargs", 1) == -1 else ()
    found = [
        item
        for item in items
        if item.help != NOTHING and str(item.value).isprintable() and item.value not in given
    ]
    option = _option_in_front(typed.incomplete)
    values = [f"{option}{item.value}" for item in found]
    if environment[ASKS] == "bash":
        lines = [one for value in values if (one := _word_of_bash(value, typed)) is not None]
    else:
        lines = [f"{value}\t{_about(item)}" for value, item in zip(values, found, strict=True)]
    kind = "parts" if values and all(value.endswith((":", "=")) for value in values) else "words"
    return "\n".join([kind, *lines])


def _split(line: str, word: str) -> Typed:
    """Split what bash has before its cursor into words; the last one may lack its closing quote."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        while (token := lexer.get_token()) is not None:
            words.append(token)
    except ValueError:  # a quote is open, or the last character is a backslash
        return Typed(words[1:], lexer.token, word, is_quoted=_has_open_quote(line))
    if line[-1:].isspace() and line[-2:-1] != "\\":
        words.append("")
    return Typed(words[1:-1], "".join(words[-1:]), word)


def _has_open_quote(line: str) -> bool:
    """Return whether a quote is open; after a backslash, one more letter makes the line whole."""
    try:
        shlex.split(f"{line}x")
    except ValueError:
        return True
    return False


def _option_in_front(incomplete: str) -> str:
    """Return ``--label=`` of ``--label=te``: what the values of an option follow."""
    name, equals, _ = incomplete.partition("=")
    return name + equals if equals and name.startswith("-") else ""


def _word_of_bash(value: str, typed: Typed) -> str | None:
    """Return what replaces the word of bash; None where it cannot be written after the quote that was typed."""
    done = typed.incomplete.removesuffix(typed.word if typed.is_quoted else typed.word.replace("\\", ""))
    rest = value.removeprefix(done)
    if typed.is_quoted:
        return None if _NEEDS_QUOTES.search(rest.replace(" ", "")) else rest
    return _NEEDS_QUOTES.sub(r"\\\g<0>", rest)


def _about(item: CompletionItem) -> str:
    said = " ".join(str(item.help or "").split())
    return "".join(one for one in said if one.isprintable())[:_ABOUT]
