"""A text that a person changes in an editor. What was typed is never lost."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cli.show.output import say
from dispatcher.configuration import bounded_yaml
from dispatcher.configuration.bounded_yaml import MOST_BYTES
from dispatcher.errors import DispatchError, UsageError

_USUAL = "vi"


class EditedFile:
    """A private file with YAML that an editor changes, below the directory for temporary files.

    At the end of the block it is removed, unless somebody changed it and it is not ``is_done``; then its path is said.
    """

    def __init__(self, name: str, fields: Mapping[str, object], head: str) -> None:
        self._command = editor()
        self._first = (head + _yaml(fields)).encode()
        self.is_done = False
        if len(self._first) > MOST_BYTES // 2:
            raise UsageError(
                "the task is too long for an editor", hint="write it to a file: --set prompt=@FILE"
            )
        descriptor, path = tempfile.mkstemp(prefix=f"llmctl-{name}-", suffix=".yaml")
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._first)
        self.path = Path(path)

    def __enter__(self) -> "EditedFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_done or self.is_untouched:
            self.path.unlink(missing_ok=True)
        else:
            say(f"what you wrote is in {self.path}")

    def edit(self) -> Mapping[str, object]:
        """Open the file in the person's editor, and return what it holds then. Raises DispatchError."""
        try:
            process = subprocess.Popen([*self._command, str(self.path)])
        except OSError as error:
            raise UsageError(
                f"cannot start the editor {self._command[0]!r}: {error.strerror}",
                hint="set $VISUAL or $EDITOR",
            ) from error
        if code := _end_of(process):
            raise DispatchError(
                f"the editor {self._command[0]!r} ended with exit code {code}: nothing was changed"
            )
        return bounded_yaml.read(self.path)

    @property
    def is_untouched(self) -> bool:
        try:
            return self.path.read_bytes() == self._first
        except OSError:  # the editor removed it
            return True


def _end_of(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the editor. Ctrl-C is meant for it, and reaches us, too."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def editor() -> list[str]:
    """Return the command of the person's editor. Raises UsageError where there is none."""
    for variable in ("VISUAL", "EDITOR"):
        command = os.environ.get(variable, "")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(
                f"${variable} is {command!r}, which is not a command: a quote is open",
                hint=f"set ${variable}",
            ) from error
        if words:
            return words
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "there is no terminal for an editor: expected --set KEY=VALUE, such as --set priority=8"
        )
    return [_USUAL]


def _yaml(fields: Mapping[str, object]) -> str:
    import yaml

    class BlockText(yaml.SafeDumper):
        """Writes a text of several lines as a block, as people would."""

    BlockText.add_representer(
        str,
        lambda dumper, text: dumper.represent_scalar(
            "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
        ),
    )
    written = yaml.dump(fields, Dumper=BlockText, sort_keys=False, allow_unicode=True, width=1000)
    try:
        if yaml.safe_load(written) == fields:
            return written
    except yaml.YAMLError:
        pass
    # PyYAML writes some rare line ends as they are, and reads them as others.
    return yaml.safe_dump(fields, sort_keys=False, width=1000)
