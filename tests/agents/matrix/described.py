"""How the CLIs of presets are played, and the class of each failure.

A failure has the class of COMMON. Where a CLI tells too little for that, its recordings say what it is
(`tests/wrappers/recorded/CLI/expected.yaml`), and REASONS says why.
"""

from collections.abc import Mapping

from tests.agents.matrix.built_in import RESETS
from tests.agents.real_agents import OTHERS
from tests.wrappers.expected import Expected, expected_of
from wrappers.command import argv, presets

DESCRIBED = tuple(cli for cli in OTHERS if cli in presets.names())

MODES: Mapping[str, str] = {
    "writes a file": "[[write report.md: all is well]] [[say: Written.]]",
    "fails once": "[[fail 500 first=1]] [[say: It is done.]] for {cli}",
    "500": "[[fail 500]]",
    "503": "[[fail 503]]",
    "429": "[[fail 429]]",
    "429, wait 600 s": "[[fail 429 retry-after=600]]",
    "quota": f"[[fail quota resets={RESETS}]]",
    "no credit": "[[fail credit]]",
    "402": "[[fail 402]]",
    "401": "[[fail 401]]",
    "403": "[[fail 403]]",
    "404": "[[fail 404]]",
    "too long": "[[fail context]]",
    "silent": "[[silent 300]]",
    "stream drops": "[[say: the first half, the second half]] [[drop]]",
    "garbage": "[[garbage]]",
    "refusal": "[[refuse]]",
    "empty answer": "[[empty]]",
    "empty after a tool": "[[write report.md: all is well]] [[empty]]",
    "foreign session": "hello",
}
SUCCESSES = ("writes a file", "fails once")

COMMON: Mapping[str, str | None] = {
    "writes a file": None,
    "fails once": None,
    "500": "overloaded",
    "503": "overloaded",
    "429": "throttled",
    "429, wait 600 s": "throttled",
    "quota": "limit",
    "no credit": "no_credit",
    "402": "no_credit",
    "401": "auth",
    "403": "auth",
    "404": "invalid_request",
    "too long": "context_too_long",
    "silent": "stalled",
    "stream drops": "agent_error",
    "garbage": "agent_error",
    "refusal": "invalid_request",
    "empty answer": "empty_result",
    "empty after a tool": "empty_result",
    "foreign session": "invalid_request",
}

SCENES: Mapping[str, str] = {
    "writes a file": "write",
    "fails once": "retried",
    "500": "server-error",
    "503": "overloaded",
    "429": "throttled",
    "429, wait 600 s": "told-to-wait-long",
    "quota": "quota",
    "no credit": "credit",
    "402": "unpaid",
    "401": "key-refused",
    "403": "key-forbidden",
    "404": "not-found",
    "too long": "too-long",
    "stream drops": "broken-off",
    "garbage": "garbage",
    "refusal": "refused",
    "empty answer": "empty",
    "empty after a tool": "tool-then-empty",
    "foreign session": "foreign-session",
}
"""The recording in which each mode is found, for those that have one."""

EMPTY = "it tells no more of a refusal than that the answer is empty"
REASONS: Mapping[tuple[str, str], str] = {
    ("aider", "403"): "LiteLLM tells it as a bad request",
    ("aider", "refusal"): EMPTY,
    ("aider", "garbage"): "LiteLLM tells it as an error of the service",
    ("aider", "stream drops"): "LiteLLM tells it as an error of the service",
    ("cline", "refusal"): EMPTY,
    ("droid", "foreign session"): "a service of the vendor keeps its sessions, and is out of reach",
    ("gptme", "refusal"): EMPTY,
    ("kilo", "garbage"): "it takes it for an empty answer",
    ("qwen", "refusal"): EMPTY,
    ("vibe", "refusal"): f"of other services than its own {EMPTY}",
}
"""Why the class that is recorded is not the common one."""

UNLIKE_RECORDED: Mapping[tuple[str, str], tuple[str | None, str]] = {
    ("qwen", "429, wait 600 s"): ("stalled", "it sleeps as long as Retry-After says, and prints nothing"),
}
"""The class of what no recording shows, with why it is not the common one."""

SENSELESS: Mapping[tuple[str, str], str] = {
    (cli, "empty after a tool"): "it knows no tools, so that what it writes is its answer"
    for cli in ("aider", "llm")
}
"""What is not played."""

SILENT = (("qwen", "429, wait 600 s"), *((cli, "silent") for cli in OTHERS))
"""What is soon stopped, since it would be silent for long."""


def modes_of(cli: str) -> list[str]:
    settings = presets.preset(cli)
    takes_sessions = "session" in argv.placeholders([*settings.argv, *settings.env.values()])
    return [
        mode
        for mode in MODES
        if (cli, mode) not in SENSELESS and (takes_sessions or mode != "foreign session")
    ]


def recorded(cli: str, mode: str) -> Expected | None:
    """Return what the recording of a mode comes to, if there is one."""
    try:
        return expected_of(cli).get(SCENES.get(mode, ""))
    except FileNotFoundError:  # nothing is recorded of this CLI yet
        return None


def class_of(cli: str, mode: str) -> str | None:
    if (cli, mode) in UNLIKE_RECORDED:
        return UNLIKE_RECORDED[cli, mode][0]
    seen = recorded(cli, mode)
    return COMMON[mode] if seen is None else seen.error_class


def reason(cli: str, mode: str) -> str | None:
    """Say why a class is not the common one."""
    if (cli, mode) in UNLIKE_RECORDED:
        return UNLIKE_RECORDED[cli, mode][1]
    return REASONS.get((cli, mode))
