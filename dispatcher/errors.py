"""Errors that a person is meant to read, with the exit code that a script is meant to read."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `dispatcher` and `llmctl`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DATABASE = 4
    WRONG_STATE = 5
    PENDING = 8
    TIMEOUT = 124
    INTERRUPTED = 130


LONGEST_MESSAGE = 2_000
"""Characters. Messages quote what somebody gave us, which may be anything."""


def shortened(message: str) -> str:
    """The message; without its middle where it is far too long: what was wrong, and what to do, stand at its ends."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    begin, end = LONGEST_MESSAGE * 3 // 4, LONGEST_MESSAGE // 4
    left_out = len(message) - begin - end
    return f"{message[:begin]} … {left_out:,} characters … {message[-end:]}"


class DispatchError(Exception):
    """A failure whose message says what is wrong; ``hint`` says what to do about it, where the message does not."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(shortened(message))
        self.hint = hint

    @property
    def with_hint(self) -> str:
        """The message and the hint in one line."""
        return f"{self} ({self.hint})" if self.hint else str(self)


class UsageError(DispatchError):
    """The request itself is wrong: a bad value, an unknown key, a name that is not known."""

    exit_code = ExitCode.USAGE


class NotFoundError(DispatchError):
    """The task, group, limit or file that was named does not exist."""

    exit_code = ExitCode.NOT_FOUND


class DatabaseError(DispatchError):
    """The database cannot be reached, refuses us, or has a schema that this program does not know."""

    exit_code = ExitCode.DATABASE


class WrongStateError(DispatchError):
    """The verb does not fit the state that the task or group is in."""

    exit_code = ExitCode.WRONG_STATE


class SupersededError(DispatchError):
    """Another dispatcher took our runs over, or a person declared us dead: every write of ours is refused."""

    exit_code = ExitCode.WRONG_STATE
