"""What presets make of the recorded output of their CLIs: as `recorded/CLI/expected.yaml` says (see expected.py)."""

from pathlib import Path

import pytest
from msgspec import structs

from tests.wrappers.expected import expected_of, seen_in
from tests.wrappers.record import RECORDED, scenes_of
from tests.wrappers.replay import PRESETS, RECORDINGS, replay
from wrappers.command import presets

OF_PRESETS = [recording for recording in RECORDINGS if recording.parent.name in PRESETS]
LARGEST = 100_000
"""Bytes that a recording may have."""


def test_each_preset_is_recorded() -> None:
    assert {path.parent.name for path in OF_PRESETS} == set(presets.names())


@pytest.mark.parametrize("cli", PRESETS)
def test_each_scene_is_recorded_and_expected_to_come_to_something(cli: str) -> None:
    recorded = {path.name for path in OF_PRESETS if path.parent.name == cli}

    assert recorded == set(expected_of(cli))
    assert recorded == set(scenes_of(cli))


@pytest.mark.parametrize("recording", OF_PRESETS, ids=str)
def test_a_run_comes_to_what_is_expected(recording: Path) -> None:
    expected = expected_of(recording.parent.name)[recording.name]
    seen = seen_in(recording)

    assert expected.says in seen.says
    cost = seen.cost if expected.cost is not None else None
    assert structs.replace(seen, says=expected.says, cost=cost) == expected


@pytest.mark.parametrize("recording", OF_PRESETS, ids=str)
def test_a_recording_is_small(recording: Path) -> None:
    assert (RECORDED / recording).with_suffix(".out").stat().st_size < LARGEST


@pytest.mark.parametrize("preset", ["opencode", "copilot", "gptme", "pi"])
def test_a_preset_whose_cli_tells_when_a_quota_resets_says_so(preset: str) -> None:
    outcome, _ = replay(f"{preset}/quota")

    assert (outcome.error_class, outcome.limit_lasts_s) == ("limit", 3600)
