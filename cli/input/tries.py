"""Several tries at one task: the options of `llmctl submit` about them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from cli.input.completers import listed
from dispatcher.errors import UsageError
from wrappers.registry import names

Pick = Literal["first-green", "judge"]
MOST_TRIES = 20
_WHO = re.compile(r"(?P<tool>[a-z0-9][a-z0-9_.-]*)(:(?P<model>[^@]+))?(@(?P<account>.+))?", re.ASCII)

TriesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=2, max=MOST_TRIES, help="Queue N tries at the task, of which --pick picks one."
    ),
]
WithOption = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="TOOL[:MODEL][@ACCOUNT],…",
        help="Give the tries to these in turn; without --tries one to each.",
        autocompletion=listed(*names()),
    ),
]
PickOption = Annotated[
    Pick | None,
    typer.Option(
        help="With --tries: the first that succeeds ends the others (first-green, unless given), or when all have "
        "ended a task reads their changes and answers, and chooses (judge)."
    ),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        metavar="TOOL[:MODEL][@ACCOUNT]",
        help="Let this one judge, as --pick judge; the tool of the first try unless given.",
    ),
]


@dataclass(frozen=True, slots=True)
class Tries:
    """What submit_tries() is told beside the task: tool, model and account of each try, and how one is picked."""

    variants: Sequence[Mapping[str, str]]
    pick: Pick
    judge: Mapping[str, str] | None

    @property
    def words(self) -> str:
        """Say how one is picked."""
        if self.pick == "judge":
            return "a judge chooses when all have ended"
        return "the first that succeeds ends the others"


def tries_of(
    count: int | None, who: str | None, pick: Pick | None, judge: str | None, *, alone: bool
) -> Tries | None:
    """Return what was asked for with these options; None without any of them.

    ``alone`` says that the command line is about one task whose output is not followed. Raises UsageError.
    """
    if count is None and who is None:
        if pick is not None or judge is not None:
            raise UsageError("--pick and --judge need --tries N or --with", hint="such as --tries 3")
        return None
    if not alone:
        raise UsageError("--tries is for one task: give it without --follow and --from")
    if judge is not None and pick == "first-green":
        raise UsageError("--judge needs --pick judge")
    given = [_read(one.strip(), "--with") for one in who.split(",")] if who is not None else [{}]
    count = len(given) if count is None else count
    if count < 2 or len(given) > count:
        raise UsageError(
            f"--with names {len(given)}, and there {'is 1 try' if count == 1 else f'are {count} tries'}: "
            "expected at least 2 tries, and one for each",
            hint=f"--tries {max(2, len(given))}",
        )
    if count > MOST_TRIES:
        raise UsageError(f"--with names {count}: expected at most {MOST_TRIES} tries")
    variants = [given[place % len(given)] for place in range(count)]
    chosen: Pick = pick or ("first-green" if judge is None else "judge")
    return Tries(variants, chosen, None if judge is None else _read(judge, "--judge"))


def _read(text: str, option: str) -> Mapping[str, str]:
    found = _WHO.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is not a valid value of {option}: expected TOOL, TOOL:MODEL or TOOL:MODEL@ACCOUNT",
            hint=f"such as {option} claude:opus",
        )
    return {key: value for key, value in found.groupdict().items() if value}
