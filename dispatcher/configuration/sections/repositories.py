"""The section about repositories."""

from msgspec import Struct

from dispatcher.configuration.sections.values import Command, Line, Seconds, require_absolute

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class RepositorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A git repository that tasks may work on by its name (`--repo NAME`), each in a clone of its own."""

    path: str
    """Where it is on the dispatcher's host, an absolute path or with `~`."""
    ref: Line | None = None
    """The branch, tag or commit to begin with, unless a task names one; unless given, its HEAD."""
    setup: Command | None = None
    """Runs in each new clone before the agent, unless a task says otherwise."""
    check: Command | None = None
    """Runs after the agent, whose work counts as a success only if it exits with 0, unless a task says otherwise."""
    setup_timeout: Seconds | None = None
    """Unless given, that of `execution`."""
    check_timeout: Seconds | None = None
    """Unless given, that of `execution`."""
    hooks: bool = False
    """Whether the hooks of the repository are copied into the clones, where the agent's own git runs them."""
    trusted: bool = False
    """Whether the settings of agent CLIs that it holds (`.claude/`, `.mcp.json`, `.gemini/`, `.env`) count in its
    clones, as in a checkout of your own; they may start programs."""
    push: Line | None = None
    """The remote of the repository to which `llmctl push` may push; unless given, none."""

    def __post_init__(self) -> None:
        require_absolute("path", self.path)
