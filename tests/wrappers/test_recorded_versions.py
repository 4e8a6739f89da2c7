"""What the parsers make of the recorded output of other versions than the pinned ones."""

from pathlib import Path

import pytest

from tests.wrappers.desk import feed
from tests.wrappers.record import RECORDED
from tests.wrappers.replay import ending_of, replay
from wrappers.base import Outcome
from wrappers.registry import wrapper_of

VERSIONS = RECORDED / "versions"
RECORDINGS = sorted(path.with_suffix("") for path in VERSIONS.glob("*/*.out"))


def outcome_of(recording: Path) -> Outcome:
    cli = recording.parent.name.partition("@")[0]
    parser, ending = wrapper_of(cli).parser(), ending_of(recording)
    feed(parser, [recording.with_suffix(".out").read_bytes()], ending, cli)
    return parser.finish(ending)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_another_version_is_read_as_the_pinned_one_is(recording: Path) -> None:
    pinned, _ = replay(f"{recording.parent.name.partition('@')[0]}/{recording.name}")
    found = outcome_of(recording)

    assert found.error_class == pinned.error_class
    assert found.final_text == pinned.final_text
    assert (found.limit_resets_at is None) == (pinned.limit_resets_at is None)
    assert (found.session_id is None) == (pinned.session_id is None)
    assert found.limit_is_of_model == pinned.limit_is_of_model


@pytest.mark.parametrize("version", ["claude@2.1.197", "claude@2.1.258", "claude@2.1.332"])
def test_a_529_is_trouble_of_the_service_whatever_claude_calls_it(version: str) -> None:
    outcome = outcome_of(VERSIONS / version / "too-busy-by-default")

    assert outcome.error_class == "overloaded"
    assert "Repeated 529" in (outcome.error_message or "")
