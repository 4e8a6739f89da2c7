"""qwen, by an OpenAI-compatible service."""

import json
from collections.abc import Mapping
from pathlib import Path

SETTINGS = {
    "security": {"auth": {"selectedType": "openai"}},
    "general": {"enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False, "enableAutoSkill": False},
    "model": {"name": "test-model", "generationConfig": {"maxRetries": 0, "retryInitialDelayMs": 10}},
}


def qwen(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / "settings.json").write_text(json.dumps(SETTINGS))
    return {
        "QWEN_HOME": str(home),
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "OPENAI_MODEL": "test-model",
    }
