"""Running a program that reports something from what is on this machine."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0
"""Seconds. `gemini --version`, the slowest, takes 2 to 5 (0.61.0, on two busy cores)."""

# Any access to the network fails at once: nothing listens on the discard port.
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program printed; ``exit_code`` is None when it took too long or could not be started."""

    exit_code: int | None
    output: str


def ask(argv: Sequence[str], env: Mapping[str, str], directory: Path, patience: float = PATIENCE) -> Answer:
    """Run a program without input, in a session of its own that is killed when it takes too long.

    Its temporary files are removed afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="llmctl-check-", ignore_cleanup_errors=True) as temporary:
        return _ask(argv, {**env, **NO_NETWORK, "TMPDIR": temporary}, directory, patience)


def _ask(argv: Sequence[str], env: Mapping[str, str], directory: Path, patience: float) -> Answer:
    try:
        process = subprocess.Popen(
            argv,
            env=env,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(None, f"cannot be started: {error.strerror}")
    with process:
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Answer(None, f"did not answer within {patience:g} s")
    return Answer(process.returncode, output.decode(errors="replace"))
