"""The settings of `gemini` in its config home (measured with 0.61.0).

Its retries, updates and statistics can be set in its settings file only. That file should hold RECOMMENDED_SETTINGS,
and a config home that the dispatcher makes does. With its own settings gemini retries for up to four minutes. Default
settings in a file that an environment variable names are no way out: it takes such a file from root only.
"""

import json
from collections.abc import Collection, Mapping

from wrappers.base import Advice

SETTINGS_FILE = ".gemini/settings.json"
"""Below its config home."""
RECOMMENDED_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "general": {"maxAttempts": 2, "enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
}

# The kind of login is named, because gemini takes a base URL in the environment for a gateway of another kind, and then
# refuses a key. gemini itself asks a person who logs in instead.
KEY_SETTINGS: Mapping[str, object] = {"security": {"auth": {"selectedType": "gemini-api-key"}}}


def new_home(variables: Collection[str]) -> Mapping[str, str]:
    """Return the files of a config home that is made anew."""
    key = KEY_SETTINGS if "GEMINI_API_KEY" in variables else {}
    return {SETTINGS_FILE: json.dumps({**RECOMMENDED_SETTINGS, **key}, indent=2) + "\n"}


def what_is_missing(text: str) -> Advice | None:
    """Find out whether settings lack what RECOMMENDED_SETTINGS say."""
    if all(_holds(_section(text, name), wanted) for name, wanted in RECOMMENDED_SETTINGS.items()):
        return None
    return Advice(
        "lets gemini retry by itself for minutes, update itself or send statistics",
        f"put into it: {json.dumps(RECOMMENDED_SETTINGS)}",
    )


def sandbox_wanted(text: str) -> str:
    """What settings say of a sandbox: nothing, "true", or the program that makes it."""
    wanted = _section(text, "tools").get("sandbox")
    return wanted if isinstance(wanted, str) else "true" if wanted is True else ""


def _holds(section: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    return all(section.get(key) == value for key, value in wanted.items())


def _section(text: str, name: str) -> Mapping[str, object]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    section = settings.get(name) if isinstance(settings, dict) else None
    return section if isinstance(section, dict) else {}
