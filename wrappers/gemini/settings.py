"""The settings of `gemini` in its config home (measured with 0.61.0).

Only this file can set its retries, updates and statistics. It should hold RECOMMENDED_SETTINGS; a config home that the
dispatcher makes does. By default gemini retries for up to four minutes. An environment variable can name a file of
default settings, but gemini accepts such a file from root only.
"""

import json
from collections.abc import Collection, Mapping

from wrappers.base import Advice

SETTINGS_FILE = ".gemini/settings.json"
"""Relative to the config home."""
RECOMMENDED_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "general": {"maxAttempts": 2, "enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
}

# A base URL in the environment makes gemini expect a gateway and refuse the key, unless the settings name the kind of
# login. An account with a stored login gets no such setting: gemini asks the person who logs in.
KEY_SETTINGS: Mapping[str, object] = {"security": {"auth": {"selectedType": "gemini-api-key"}}}


def new_home(variables: Collection[str]) -> Mapping[str, str]:
    """Return the files of a new config home."""
    key = KEY_SETTINGS if "GEMINI_API_KEY" in variables else {}
    return {SETTINGS_FILE: json.dumps({**RECOMMENDED_SETTINGS, **key}, indent=2) + "\n"}


def what_is_missing(text: str) -> Advice | None:
    """Return advice if the settings lack any of RECOMMENDED_SETTINGS."""
    if all(_holds(_section(text, name), wanted) for name, wanted in RECOMMENDED_SETTINGS.items()):
        return None
    return Advice(
        "lets gemini retry by itself for minutes, update itself or send statistics",
        f"put into it: {json.dumps(RECOMMENDED_SETTINGS)}",
    )


def sandbox_wanted(text: str) -> str:
    """Return the setting for a sandbox: empty, "true", or the program that makes it."""
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
