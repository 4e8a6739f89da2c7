"""The input files of a task in its clone. What an agent left as it was given to it is no part of its change."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from dispatcher.repositories import plain_files

NOTES = "inputs.json"
_PATTERN = re.compile(rb"[*?\[ ]")


class Note(msgspec.Struct, frozen=True):
    """A file that was placed in the clone; ``path`` is below its tree."""

    path: str
    sha256: str


def not_in_base(work: Path, paths: Iterable[str]) -> Sequence[str]:
    """Return those input files that are not files of the base, before they are placed in a new clone.

    Links within the tree are followed, as for placing.
    """
    top = Path(os.path.realpath(work))
    places = (Path(os.path.realpath((top / path).parent), Path(path).name) for path in paths)
    return [
        str(place.relative_to(top)) for place in places if place.is_relative_to(top) and not place.exists()
    ]


def note_inputs(work: Path, private: Path, paths: Sequence[str]) -> None:
    """Note input files that were placed, for the record and for the agent's own `git add`. Raises OSError."""
    if not paths:
        return
    digests = ((path, plain_files.digest(work / path)) for path in paths)
    notes = [Note(path, digest) for path, digest in digests if digest is not None]
    plain_files.write_durably(private / NOTES, msgspec.json.encode(notes))
    with (work / ".git" / "info" / "exclude").open("ab") as file:
        file.write(b"\n# input files\n")
        file.writelines(b"/%b\n" % _PATTERN.sub(rb"\\\g<0>", os.fsencode(path)) for path in paths)


def read_inputs(work: Path, private: Path) -> dict[Path, str]:
    """Return the SHA-256 of each input file that was placed in a clone; nothing if the agent destroyed our notes."""
    try:
        notes = msgspec.json.decode(plain_files.read_plain(private / NOTES) or b"[]", type=list[Note])
    except msgspec.MsgspecError:
        return {}
    return {work / note.path: note.sha256 for note in notes}
