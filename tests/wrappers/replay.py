"""Requests to wrappers, and recorded or made-up output for their parsers."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.wrappers.record import RECORDED
from wrappers.base import Ending, Event, Outcome, Permission, Request
from wrappers.registry import built_in

WRAPPERS = built_in()

RECORDINGS = sorted(path.relative_to(RECORDED).with_suffix("") for path in RECORDED.glob("*/*.out"))

RUN_ID = "0b8f4f8e-3c63-4f0e-9d0e-6a3f4f1f2a11"

PROMPT_FILE = "/runs/812-1/prompt"


def replay(
    recording: str | Path, cuts: Iterable[int] = (), extra: bytes = b""
) -> tuple[Outcome, list[Event]]:
    """Feed a recording, cut at these places, to the parser of its CLI."""
    path = RECORDED / recording
    output = path.with_suffix(".out").read_bytes() + extra
    ending = msgspec.json.decode(path.with_suffix(".ending.json").read_bytes(), type=Ending)
    parser = WRAPPERS[path.parent.name].parser()
    places = [0, *sorted(cuts), len(output)]
    events = [event for start, end in pairwise(places) for event in parser.feed_stdout(output[start:end])]
    return parser.finish(ending), events


def said(cli: str, *lines: Mapping[str, object]) -> Outcome:
    parser = WRAPPERS[cli].parser()
    parser.feed_stdout(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return parser.finish(Ending(exit_code=0))


def request(
    model: str | None = None,
    permission: Permission = "edit",
    resume: str | None = None,
    config_home: str | None = None,
) -> Request:
    return Request(
        run_id=RUN_ID,
        prompt_file=PROMPT_FILE,
        model=model,
        permission=permission,
        resume=resume,
        config_home=config_home,
    )
