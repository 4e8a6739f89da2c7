"""What this host would refuse is refused before it is queued, also while no dispatcher runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Llmctl


def test_where_the_only_dispatcher_would_refuse_a_command_nothing_is_queued(tmp_path: Path) -> None:
    """The configuration is that of a person who has followed `In the browser` of the README."""
    file = tmp_path / "home" / "config.yaml"
    file.parent.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LLMCTL_HOME": str(file.parent),
    }
    file.write_text("api: {enabled: true}\n")
    llmctl = Llmctl(Path(__file__).parents[3], environment)
    try:
        plain = llmctl("submit", "claude", "p", "-q")
        assert plain.code == 0, plain.err

        for way in (("--check", "make"), ("--check", "make", "--tries", "2")):
            refused = llmctl("submit", "claude", "p", *way)
            assert refused.code == 2, way
            assert f"into {file}" in refused.err
        rows = tmp_path / "tasks.csv"
        rows.write_text("prompt\none\n")
        refused = llmctl("submit", "claude", "--from", rows, "--setup", "make")
        assert (refused.code, "allow_commands: true" in refused.err) == (2, True)
        refused = llmctl("submit", "claude", "--from", rows, "--permission", "full")
        assert (refused.code, f"allow_dangerous_flags: true}}` into {file}" in refused.err) == (2, True)
        assert llmctl("ls", "-o", "name").out.split() == [plain.out.strip()]

        file.write_text("api: {enabled: true}\nsecurity: {allow_commands: true}\n")
        assert llmctl("submit", "claude", "p", "--check", "make").code == 0
    finally:
        stopped = llmctl_db_stop(environment)
        assert stopped == 0


def llmctl_db_stop(environment: dict[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "dispatcher.commands.main", "db", "stop"],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        check=False,
    ).returncode
