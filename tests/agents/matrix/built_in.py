"""How claude, codex and gemini are played, and the class of each failure."""

from collections.abc import Mapping

from tests.agents.real_agents import CLIS

RESETS = 7200
"""Seconds until the usage limits are reset, where the service tells."""

MODES: Mapping[str, str] = {
    "answer": "[[say: done]]",
    "writes a file": "[[write report.md: all is well]] [[say: Written.]]",
    "slow, 5 s": "[[slow 5]] [[say: It took its time.]]",
    "huge, 4 MB": "[[large 4000000]]",
    "repeats itself": "[[say: " + "It says the same thing over and over again. " * 40 + "]]",
    "429": "[[fail 429 retry-after=1]]",
    "429, wait 600 s": "[[fail 429 retry-after=600]]",
    "quota": f"[[fail quota resets={RESETS}]]",
    "subscription 429": "[[fail 429 retry-after=600]]",
    "subscription quota": f"[[fail quota resets={RESETS}]]",
    "subscription model": f"[[fail model resets={RESETS}]]",
    "no credit": "[[fail credit]]",
    "500": "[[fail 500]]",
    "502": "[[fail 502]]",
    "502, HTML": "[[fail html]]",
    "503": "[[fail 503]]",
    "529": "[[fail 529]]",
    "401": "[[fail 401]]",
    "403": "[[fail 403]]",
    "404": "[[fail 404]]",
    "too long": "[[fail context]]",
    "silent": "[[silent 300]]",
    "stream drops": "[[say: the first half, the second half]] [[drop]]",
    "garbage": "[[garbage]]",
    "refusal": "[[refuse]]",
    "empty answer": "[[empty]]",
    "logged out": "hello",
    "task budget": "[[write a.md: x]] [[write b.md: x]] [[say: too dear]]",
}

# The three differ only where a CLI reports less.
CLASSES: Mapping[str, tuple[str | None, str | None, str | None]] = {
    "answer": (None, None, None),
    "writes a file": (None, None, None),
    "slow, 5 s": (None, None, None),
    "huge, 4 MB": (None, None, None),
    "repeats itself": (None, None, "agent_error"),
    "429, wait 600 s": ("throttled", "throttled", "throttled"),
    "429": ("throttled", "throttled", "throttled"),
    "quota": ("throttled", "limit", "limit"),
    "subscription 429": ("throttled", None, None),
    "subscription quota": ("limit", None, None),
    "subscription model": ("limit", None, None),
    "no credit": ("no_credit", "no_credit", "auth"),
    "500": ("overloaded", "overloaded", "overloaded"),
    "502": ("overloaded", "overloaded", "overloaded"),
    "502, HTML": ("overloaded", "overloaded", "overloaded"),
    "503": ("overloaded", "overloaded", "overloaded"),
    "529": ("overloaded", "overloaded", "overloaded"),
    "401": ("auth", "auth", "auth"),
    "403": ("auth", "auth", "auth"),
    "404": ("invalid_request", "invalid_request", "invalid_request"),
    "too long": ("context_too_long", "context_too_long", "context_too_long"),
    "silent": ("stalled", "stalled", "stalled"),
    "stream drops": (None, "agent_error", "agent_error"),
    "garbage": ("agent_error", "agent_error", "agent_error"),
    "refusal": ("invalid_request", "invalid_request", "invalid_request"),
    "empty answer": ("empty_result", "empty_result", "empty_result"),
    "logged out": ("auth", "auth", "auth"),
    "task budget": ("budget", None, None),
}
SUCCESSES = ("answer", "writes a file", "slow, 5 s", "huge, 4 MB")
BY_SUBSCRIPTION = ("subscription 429", "subscription quota", "subscription model")
ONLY_CLAUDE = (*BY_SUBSCRIPTION, "task budget")

REASONS: Mapping[tuple[str, str], str] = {
    ("claude", "quota"): "with a key, it tells a usage limit by no more than a 429",
    ("claude", "stream drops"): "it asks again without streaming, and gets the whole answer",
    ("gemini", "no credit"): "it tells it as a refused key",
    ("gemini", "repeats itself"): "it cuts off an answer that repeats itself",
}
"""Why a class is another one than that of the others."""


def modes_of(cli: str) -> list[str]:
    return [mode for mode in MODES if cli == "claude" or mode not in ONLY_CLAUDE]


def class_of(cli: str, mode: str) -> str | None:
    return CLASSES[mode][CLIS.index(cli)]
