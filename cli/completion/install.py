"""`llmctl --install-completion` and `--show-completion`."""

from importlib.resources import files
from pathlib import Path


def script(shell: str) -> str:
    """Return the script that a shell needs."""
    return (files(__package__) / f"llmctl.{shell}").read_text()


def install(shell: str) -> Path:
    """Write the script to where the shell finds it, also by a line in its startup file; return the script's path."""
    content = script(shell)
    from typer._completion_shared import install as install_that_of_typer

    # It knows the files of each shell. Its own script splits words at ":" and "=", and evaluates what it is told.
    _, path = install_that_of_typer(shell, "llmctl", "_LLMCTL_COMPLETE")
    path.write_text(content)
    return path
