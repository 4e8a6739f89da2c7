"""llm: its models of other services are a file of LLM_USER_PATH."""

import json
from collections.abc import Mapping
from pathlib import Path


def llm(home: Path, url: str, key: str) -> Mapping[str, str]:
    model = {
        "model_id": "test-model",
        "model_name": "test-model",
        "api_base": f"{url}/v1",
        "api_key_name": "openai",
        "supports_tools": True,
        "can_stream": True,
    }
    (home / "extra-openai-models.yaml").write_text(json.dumps([model]))  # JSON is YAML, too
    (home / "default_model.txt").write_text("test-model")
    return {"LLM_USER_PATH": str(home), "OPENAI_API_KEY": key}
