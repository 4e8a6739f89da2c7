"""Requests to wrappers, and recorded or made-up output for their parsers."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.wrappers.desk import feed
from tests.wrappers.record import RECORDED
from wrappers.base import Ending, Event, Outcome, Request
from wrappers.modes import Permission
from wrappers.registry import BUILT_IN, wrapper_of

RECORDINGS = sorted(path.relative_to(RECORDED).with_suffix("") for path in RECORDED.glob("*/*.out"))

WRAPPERS = {name: wrapper_of(name) for name in sorted({path.parent.name for path in RECORDINGS})}
PRESETS = [name for name in WRAPPERS if name not in BUILT_IN]
"""Those of them that are described by a preset."""

RUN_ID = "0b8f4f8e-3c63-4f0e-9d0e-6a3f4f1f2a11"

PROMPT_FILE = "/runs/812-1/prompt"


def replay(
    recording: str | Path, cuts: Iterable[int] = (), extra: bytes = b""
) -> tuple[Outcome, list[Event]]:
    """Feed a recording, cut at these places, to the parser of its CLI."""
    path = RECORDED / recording
    output = path.with_suffix(".out").read_bytes() + extra
    ending = ending_of(recording)
    parser = WRAPPERS[path.parent.name].parser()
    places = [0, *sorted(cuts), len(output)]
    chunks = [output[start:end] for start, end in pairwise(places)]
    events = feed(parser, chunks, ending, path.parent.name)
    return parser.finish(ending), events


def ending_of(recording: str | Path) -> Ending:
    path = RECORDED / recording
    ending = msgspec.json.decode(path.with_suffix(".ending.json").read_bytes(), type=Ending)
    report = path.with_suffix(".report")
    return replace(ending, report=report.read_bytes()) if report.exists() else ending


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
