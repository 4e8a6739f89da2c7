"""gptme with what it calls a local model: any OpenAI-compatible service."""

from collections.abc import Mapping
from pathlib import Path


def gptme(home: Path, url: str, key: str) -> Mapping[str, str]:
    return {
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "GPTME_LLM_MAX_RETRIES": "2",
        "MODEL": "local/test-model",
    }
