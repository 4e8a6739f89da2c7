"""How `claude -p` asks its user something (measured with 2.1.330).

It offers the tool AskUserQuestion only where something is named that answers requests for a permission. Nothing does:
its standard input has ended, so whatever needs a permission is refused, as it is without that. A hook of ours defers
the question: claude writes down the session and ends, instead of going on without an answer. It defers a question only
if the model calls no other tool beside it.
"""

import json
from collections.abc import Iterator, Sequence

import msgspec

from wrappers.lines import decode
from wrappers.text import storable

TOOL = "AskUserQuestion"
LONGEST = 4000
"""Characters of a question."""

DEFER = {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "defer"}}
HOOK = {"matcher": TOOL, "hooks": [{"type": "command", "command": f"echo '{json.dumps(DEFER)}'"}]}
SETTINGS = json.dumps({"hooks": {"PreToolUse": [HOOK]}}, separators=(",", ":"))

# A plan that somebody has to approve of is another way to ask, which claude offers as well then.
WITHHELD = ("EnterPlanMode", "ExitPlanMode")

# What claude says where nobody answers a request reads like a fault that passes.
SITUATION = (
    'Nobody watches this session. A tool call that fails with "Stream closed" needed a permission that you do not '
    "have: do without it. If you cannot go on without a decision that only your user can make, call "
    f"{TOOL}, and no other tool beside it: the session then waits for the answer, however long that takes."
)
# With it, claude would take up the question of a resumed session again, before it reads the prompt with the answer.
ENVIRONMENT = {"CLAUDE_CODE_DISABLE_DEFERRED_TOOL_RESUME": "1"}


class Option(msgspec.Struct):
    label: str = ""
    description: str = ""


class Question(msgspec.Struct, rename="camel"):
    question: str = ""
    options: list[Option] = []
    multi_select: bool = False


class Asking(msgspec.Struct):
    questions: list[Question] = []


ASKING = msgspec.json.Decoder(Asking)


def arguments() -> Iterator[str]:
    yield from ("--permission-prompt-tool", "stdio", "--settings", SETTINGS)


def question_in(tool_input: msgspec.Raw) -> str:
    """Return what was asked, and what to choose from, as a text for people."""
    asking = decode(tool_input, ASKING) or Asking()
    text = "\n\n".join("\n".join(_lines(question)) for question in asking.questions)
    text = storable(text).strip() or "(a question without a text)"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _lines(question: Question) -> Sequence[str]:
    several = " (several may be chosen)" if question.multi_select else ""
    return (
        question.question + several,
        *(
            f"- {option.label}: {option.description}" if option.description else f"- {option.label}"
            for option in question.options
        ),
    )
