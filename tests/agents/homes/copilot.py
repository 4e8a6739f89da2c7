"""GitHub's Copilot CLI with a model of one's own: variables only. Its five retries cannot be changed."""

from collections.abc import Mapping
from pathlib import Path


def copilot(home: Path, url: str, key: str) -> Mapping[str, str]:
    return {
        "COPILOT_HOME": str(home),
        "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
        "COPILOT_PROVIDER_API_KEY": key,
        "COPILOT_MODEL": "test-model",
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
    }
