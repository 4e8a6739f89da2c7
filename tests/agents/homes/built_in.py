"""claude, codex and gemini, each with its vendor's protocol."""

import json
from collections.abc import Mapping
from pathlib import Path

# The built-in provider would work, but its retries cannot be limited: each failure would take half a minute.
CODEX_CONFIG = """\
model = "test-model"
model_provider = "tests"

[model_providers.tests]
name = "model server of the tests"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "CODEX_API_KEY"
request_max_retries = 1
stream_max_retries = 1
"""

# The type of login must be named: gemini takes a base URL in the environment for another kind of gateway.
GEMINI_SETTINGS = {
    "general": {"enableAutoUpdate": False, "maxAttempts": 2},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}},
}


def claude(home: Path, url: str, key: str) -> Mapping[str, str]:
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key}


def codex(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / "config.toml").write_text(CODEX_CONFIG.format(url=url))
    return {"CODEX_API_KEY": key}


def gemini(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / ".gemini").mkdir(exist_ok=True)
    (home / ".gemini" / "settings.json").write_text(json.dumps(GEMINI_SETTINGS))
    return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": key}
