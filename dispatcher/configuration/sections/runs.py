"""The sections about runs: how they are executed, kept and bounded."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from dispatcher.configuration import paths
from dispatcher.configuration.sections.values import Bytes, Seconds, SecondsOrZero, require_absolute

# What stands below a field is its line in docs/configuration.md, which `just docs` writes.


class ExecutionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults for each run."""

    timeout: Seconds = 600.0
    """A run that takes longer is stopped, unless its task says otherwise."""
    stall_timeout: Seconds | None = None
    """A run that prints nothing for so long is stopped; unless given, it may be silent until `timeout`."""
    work_dir: str | None = None
    """The directory in which runs live, an absolute path on a local disk; unless given, `work` below `LLMCTL_HOME`."""
    cleanup: Literal["always", "on_success", "never"] = "always"
    """When the files of a run are removed from the work directory."""
    keep_sessions: SecondsOrZero = 86400.0
    """How long the directory of an agent with a session is kept after its run, whatever `cleanup` says, so that
    `llmctl reply` finds it."""
    setup_timeout: Seconds = 600.0
    """A setup command that takes longer is stopped, unless its task or repository says otherwise."""
    check_timeout: Seconds = 600.0
    """A check command that takes longer is stopped, unless its task or repository says otherwise."""
    max_output_bytes: Bytes = 100 * 2**20
    """The most that the declared output files of one run may hold, and the files that other tasks give to a task."""
    max_log_bytes: Bytes = 20 * 2**20
    """The most that is stored of a run's stdout, and of its stderr. A run that prints ten times as much on both
    together is stopped."""

    def __post_init__(self) -> None:
        require_absolute("work_dir", self.work_dir)

    def work_directory(self) -> Path:
        """Return the absolute path of the directory of all runs, without creating it. Raises :class:`UsageError`."""
        return paths.expanded(self.work_dir) if self.work_dir else paths.home() / "work"


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long ended tasks and their output are kept, from the end of the task on; null keeps them for ever."""

    tasks: Seconds | None = None
    """Tasks with their runs, answers, files and keys."""
    output: Seconds | None = 30 * 86400.0
    """What agents printed (`llmctl logs`); the beginning of stdout and the end of stderr stay with the task."""
    interval: Seconds = 3600.0
    """How often the dispatcher deletes what is older."""


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What tasks may ask for."""

    allow_dangerous_flags: bool = False
    """Whether tasks may ask for `--permission full`."""
    enforce_path_whitelist: bool = True
    """Whether a task may choose to work only below `allowed_roots`."""
    allowed_roots: tuple[str, ...] = ()
    """Directories below which a task may choose to work (`--workdir`, `--repo`), absolute or with `~`."""
    allow_commands: bool | None = None
    """Whether tasks may bring commands (`--setup`, `--check`), which run with the rights of the dispatcher; unless
    given, only with the embedded server and without the API: then all tasks are your own."""

    def __post_init__(self) -> None:
        for root in self.allowed_roots:
            require_absolute("allowed_roots", root)
