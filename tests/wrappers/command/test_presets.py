"""Descriptions that come with the package."""

import pytest
from msgspec import structs

from wrappers.command import presets
from wrappers.command.check import check
from wrappers.command.settings import ToolSettings
from wrappers.registry import configured

names = pytest.mark.parametrize("name", presets.names())


@names
def test_a_preset_makes_sense_and_says_what_it_was_measured_with(name: str) -> None:
    preset = presets.preset(name)

    check(name, preset)
    assert preset.versions is not None
    assert preset.install is not None


@names
def test_a_tool_with_the_name_of_a_preset_is_that_preset(name: str) -> None:
    assert presets.completed(name, ToolSettings()) == structs.replace(presets.preset(name), preset=None)
    assert presets.completed("mine", ToolSettings(preset=name)).argv == presets.preset(name).argv


@names
def test_what_stands_beside_a_preset_replaces_it_and_variables_are_added(name: str) -> None:
    preset = presets.preset(name)
    mine = presets.completed(
        "mine", ToolSettings(preset=name, command="/opt/mine", models=("m",), env={"A": "b"})
    )

    assert mine == structs.replace(
        preset, preset=None, command="/opt/mine", models=("m",), env={**preset.env, "A": "b"}
    )


@names
def test_arguments_of_ones_own_take_a_name_from_its_preset(name: str) -> None:
    own = ToolSettings(argv=(name, "{prompt_file}"), proof="none")

    assert presets.completed(name, own) == own
    assert configured({name: own})[name].is_proven is False


def test_a_preset_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"tools\.mine\.preset: there is no preset 'qwne': expected .*qwen"):
        presets.completed("mine", ToolSettings(preset="qwne"))
    with pytest.raises(KeyError):
        presets.text("nobody")


def test_a_preset_is_printed_as_it_is_written() -> None:
    assert presets.text("qwen").startswith("# Qwen Code")
