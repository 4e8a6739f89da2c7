"""opencode and its fork kilo: one JSON file below XDG_CONFIG_HOME."""

import json
from collections.abc import Mapping
from pathlib import Path


def opencode(home: Path, url: str, key: str) -> Mapping[str, str]:
    return prepare(home, url, key, "opencode")


def kilo(home: Path, url: str, key: str) -> Mapping[str, str]:
    return prepare(home, url, key, "kilo")


def prepare(home: Path, url: str, key: str, name: str) -> Mapping[str, str]:
    config = home / "config" / name
    config.mkdir(parents=True, exist_ok=True)
    (config / f"{name}.json").write_text(json.dumps(settings(url)))
    prefix = name.upper()
    return {
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
        "TESTS_API_KEY": key,
        "KILO_SESSION_RETRY_LIMIT": "1",  # opencode's five cannot be changed
        "KILO_TELEMETRY_LEVEL": "off",
        "KILO_DISABLE_CODEBASE_INDEXING": "1",
        "KILO_DISABLE_PRESENCE": "1",
        "KILO_DISABLE_SESSION_INGEST": "1",
        f"{prefix}_DISABLE_AUTOUPDATE": "1",
        f"{prefix}_DISABLE_MODELS_FETCH": "1",
        f"{prefix}_DISABLE_LSP_DOWNLOAD": "1",
    }


def settings(url: str) -> Mapping[str, object]:
    limit = {"context": 128000, "output": 8000}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Model server of the tests",
        "options": {"baseURL": f"{url}/v1", "apiKey": "{env:TESTS_API_KEY}"},
        "models": {"test-model": {"limit": limit, "cost": {"input": 1, "output": 2, "cache_read": 0.1}}},
    }
    return {
        "model": "tests/test-model",
        "small_model": "tests/test-model",
        "provider": {"tests": provider},
        "enabled_providers": ["tests"],
        "autoupdate": False,
        "share": "disabled",
    }
