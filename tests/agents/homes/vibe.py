"""vibe: one TOML file of VIBE_HOME."""

from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
active_model = "test-model"
api_retry_max_elapsed_time = 1.0
enable_telemetry = false
enable_update_checks = false
enable_auto_update = false

[[providers]]
name = "tests"
api_base = "{url}/v1"
api_key_env_var = "TESTS_API_KEY"
backend = "generic"

[[models]]
name = "test-model"
alias = "test-model"
provider = "tests"
input_price = 1.0
output_price = 2.0
"""


def vibe(home: Path, url: str, key: str) -> Mapping[str, str]:
    (home / "config.toml").write_text(CONFIG.format(url=url))
    return {"VIBE_HOME": str(home), "TESTS_API_KEY": key}
