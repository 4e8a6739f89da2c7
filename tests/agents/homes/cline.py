"""cline: the provider is a file of CLINE_DIR."""

import json
from collections.abc import Mapping
from pathlib import Path


def cline(home: Path, url: str, key: str) -> Mapping[str, str]:
    settings = {"provider": "openai-compatible", "model": "test-model", "baseUrl": f"{url}/v1"}
    provider = {"settings": settings, "updatedAt": "2026-01-01T00:00:00Z", "tokenSource": "manual"}
    providers = {
        "version": 1,
        "lastUsedProvider": "openai-compatible",
        "providers": {"openai-compatible": provider},
    }
    directory = home / "data" / "settings"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "providers.json").write_text(json.dumps(providers))
    return {
        "CLINE_DIR": str(home),
        "CLINE_NO_AUTO_UPDATE": "1",
        "CLINE_SESSION_BACKEND_MODE": "local",
        "CLINE_TELEMETRY_DISABLED": "1",
        "OPENAI_API_KEY": key,
    }
