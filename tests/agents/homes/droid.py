"""droid with a model of one's own; it has no variable for its home but HOME."""

import json
from collections.abc import Mapping
from pathlib import Path


def droid(home: Path, url: str, key: str) -> Mapping[str, str]:
    model = {
        "model": "test-model",
        "displayName": "Model of the tests",
        "baseUrl": f"{url}/v1",
        "apiKey": "${TESTS_API_KEY}",
        "provider": "generic-chat-completion-api",
        "maxOutputTokens": 8000,
    }
    (home / ".factory").mkdir(exist_ok=True)
    (home / ".factory" / "settings.json").write_text(json.dumps({"customModels": [model]}))
    return {
        "FACTORY_HOME_OVERRIDE": str(home),
        "FACTORY_API_KEY": "fk-dummy",
        "FACTORY_AIRGAP_ENABLED": "true",
        "FACTORY_DROID_AUTO_UPDATE_ENABLED": "false",
        "FACTORY_OTEL_ENABLED": "false",
        "TESTS_API_KEY": key,
    }
