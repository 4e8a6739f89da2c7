"""Prometheus' own tool, which judges what we offer to Prometheus."""

import shutil
import subprocess
from pathlib import Path

from tests.agents.real_agents import unavailable


def promtool(*arguments: str, given: bytes = b"", within: Path | None = None) -> str:
    """Run promtool and return what it says. Fails the test if it finds fault; skips it where it is not installed."""
    program = shutil.which("promtool")
    if program is None:
        unavailable("promtool is not installed (apt install prometheus)")
    ended = subprocess.run([program, *arguments], input=given, capture_output=True, cwd=within, check=False)
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode == 0, said
    return said
