"""aider: LiteLLM's variables, and one file below HOME."""

from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
model: openai/test-model
check-update: false
analytics-disable: true
show-model-warnings: false
git: false
"""


def aider(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / ".aider.conf.yml").write_text(CONFIG)
    return {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": key}
