"""What a prompt asks the model server to do.

Directives can be anywhere in the prompt. Each kind can be there once, except `write`, `run` and `ask`, which are
executed in their order before the final answer:

    [[write PATH: CONTENT]]   the CLI is told to write a file
    [[run: COMMAND]]          the CLI is told to run a shell command
    [[ask: TEXT | A | B]]     the CLI is told to ask its user, who may choose A or B
    [[say: TEXT]]             the final answer
    [[large N]]               a final answer of N characters
    [[empty]]                 a final answer without a text
    [[odd]]                   a final answer with characters that a terminal or a database does not take
    [[refuse]]                the model declines to answer
    [[slow SECONDS]]          the final answer arrives in pieces over that time
    [[silent SECONDS]]        nothing arrives for that time, then the final answer
    [[drop]]                  the transfer of the final answer breaks in the middle (whole answers: chat completions)
    [[garbage]]               a 200 whose body is not an answer
    [[fail STATUS]]           the request fails with that HTTP status
    [[fail STATUS: TEXT]]     the same, with that text for its reason
    [[fail html]]             a proxy in front of the service answers 502, with a page of HTML
    [[fail echo]]             401, with a message that repeats the key that was sent
    [[fail quota]]            the usage limit of a subscription is reached
    [[fail model]]            to claude: only the limit of a model is reached
    [[fail credit]]           the account has no money left
    [[fail context]]          the prompt is too long for the model

`fail` takes options: `retry-after=SECONDS`, `resets=SECONDS` (of a quota; default one hour), `week=SECONDS` (to claude:
the limit of the week is reached, too, and reset then) and `first=N`: only the first N requests fail whose prompt is the
same from its last `fail` on, so that a second attempt can succeed.
A prompt without directives is answered with its own beginning.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

DIRECTIVE = re.compile(r"\[\[(\w+)(?: ([^\]:]*))?(?:: ?(.*?))?\]\]", re.DOTALL)
ECHO_LENGTH = 200
PIECES = 20
ODD = "nul \0, escape \x1b[31m, bell \a, separator \u2028, return \r\nand an end"


class ScriptError(ValueError):
    """A directive that the server does not know, or that lacks what it needs."""


@dataclass(frozen=True, slots=True)
class Write:
    """A file that the CLI is told to write; the path is relative to its working directory."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Run:
    """A shell command that the CLI is told to run."""

    command: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question for the user, and the answers to choose from: two at least, or some CLIs refuse it."""

    text: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """The final answer, in the pieces in which it is streamed."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Refuse:
    """The model's own safety decision ends the turn."""


Step = Write | Run | Ask
Reply = Step | Say | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that is answered with an error; times in seconds. ``said`` takes the place of the usual message."""

    status: int = 429
    reason: str = ""
    retry_after: int | None = None
    resets: int = 3600
    week: int | None = None
    first: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that one prompt asks for. Times are in seconds."""

    steps: tuple[Step, ...] = ()
    answer: Say | Refuse = field(default_factory=lambda: Say(("done",)))
    failure: Failure | None = None
    slow: float = 0
    silent: float = 0
    drop: bool = False
    garbage: bool = False

    def reply(self, steps_done: int) -> Reply:
        """Return what comes next after the results of so many steps."""
        return self.steps[steps_done] if steps_done < len(self.steps) else self.answer

    def in_words(self) -> "Script":
        """Return the script for a model that has no tools: it says what to write into files, as aider reads it."""
        files = [step for step in self.steps if isinstance(step, Write)]
        listing = "".join(f"{file.path}\n```\n{file.content}\n```\n\n" for file in files)
        answer = (
            Say((listing, *self.answer.pieces)) if listing and isinstance(self.answer, Say) else self.answer
        )
        return replace(self, steps=(), answer=answer)


def read(prompt: str) -> Script:
    """Return the script in a prompt. Raises ScriptError for a directive that is not valid."""
    script = Script()
    found = False
    for name, argument, content in directives(prompt):
        found = True
        try:
            script = follow(script, name, argument, content)
        except (TypeError, ValueError) as error:  # not its number, or not its arguments
            raise ScriptError(f"cannot follow [[{name} {argument}]]: {error!r}") from error
    return script if found else replace(script, answer=Say((prompt.strip()[:ECHO_LENGTH],)))


def directives(prompt: str) -> Iterator[tuple[str, str, str]]:
    for match in DIRECTIVE.finditer(prompt):
        name, argument, content = match.groups(default="")
        yield name, argument.strip(), content


def follow(script: Script, name: str, argument: str, content: str) -> Script:
    match name:
        case "write":
            return replace(script, steps=(*script.steps, Write(argument, content)))
        case "run":
            return replace(script, steps=(*script.steps, Run(content)))
        case "ask":
            text, *options = (part.strip() for part in content.split("|"))
            return replace(script, steps=(*script.steps, Ask(text, tuple(options))))
        case "say":
            return replace(script, answer=Say(in_pieces(content)))
        case "large":
            return replace(script, answer=Say(in_pieces(varied_text(int(argument)))))
        case "empty":
            return replace(script, answer=Say(()))
        case "odd":
            return replace(script, answer=Say((ODD,)))
        case "refuse":
            return replace(script, answer=Refuse())
        case "slow":
            return replace(script, slow=float(argument))
        case "silent":
            return replace(script, silent=float(argument))
        case "drop":
            return replace(script, drop=True)
        case "garbage":
            return replace(script, garbage=True)
        case "fail":
            return replace(script, failure=replace(read_failure(*argument.split()), said=content))
        case _:
            raise ScriptError("no such directive")


def read_failure(what: str, *options: str) -> Failure:
    statuses = {"quota": 429, "model": 429, "credit": 400, "context": 400, "html": 502, "echo": 401}
    values = {name: int(value) for name, value in (option.split("=") for option in options)}
    failure = Failure(
        status=statuses[what] if what in statuses else int(what),
        reason=what if what in statuses else "",
        retry_after=values.pop("retry-after", None),
        resets=values.pop("resets", 3600),
        week=values.pop("week", None),
        first=values.pop("first", None),
    )
    if values:
        raise ValueError(f"no such option: {min(values)}")
    return failure


def in_pieces(text: str) -> tuple[str, ...]:
    length = max(1, -(-len(text) // PIECES))
    return tuple(text[start : start + length] for start in range(0, len(text), length))


def varied_text(length: int) -> str:
    """Return numbered words: gemini cuts off a text that repeats itself, because it takes it for a loop."""
    words = (f"word{number} " for number in range(length // 5 + 1))
    return "".join(words)[:length]
