"""aider: LiteLLM's variables, and one file below HOME."""

from collections.abc import Mapping
from pathlib import Path

# Its histories would stand in the work directory.
CONFIG = """\
model: openai/test-model
check-update: false
analytics-disable: true
show-model-warnings: false
git: false
chat-history-file: {home}/chat-history.md
input-history-file: {home}/input-history
"""


def aider(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / ".aider.conf.yml").write_text(CONFIG.format(home=home))
    return {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": key}
