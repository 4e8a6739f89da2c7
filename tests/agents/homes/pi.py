"""pi: its models and its settings are files of PI_CODING_AGENT_DIR."""

import json
from collections.abc import Mapping
from pathlib import Path

SETTINGS = {
    "defaultProvider": "tests",
    "defaultModel": "test-model",
    "retry": {"maxRetries": 1, "baseDelayMs": 10},
}


def pi(home: Path, url: str, key: str) -> Mapping[str, str]:
    cost = {"input": 1, "output": 2, "cacheRead": 0.1, "cacheWrite": 0}
    model = {"id": "test-model", "contextWindow": 128000, "maxTokens": 8000, "cost": cost}
    provider = {
        "baseUrl": f"{url}/v1",
        "api": "openai-completions",
        "apiKey": "$TESTS_API_KEY",
        "models": [model],
    }
    (home / "models.json").write_text(json.dumps({"providers": {"tests": provider}}))
    (home / "settings.json").write_text(json.dumps(SETTINGS))
    return {
        "PI_CODING_AGENT_DIR": str(home),
        "PI_OFFLINE": "1",
        "PI_TELEMETRY": "0",
        "TESTS_API_KEY": key,
    }
