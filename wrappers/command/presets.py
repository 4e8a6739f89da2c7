"""Descriptions of agent CLIs that come with the package, in `wrappers/presets`.

Each is a file of YAML with what could stand below `tools:` in config.yaml. It was measured with the real program, and
`versions` says with which one. A group needs no entry under `tools:` to use one.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wrappers.command.settings import ToolSettings

PRESETS = Path(__file__).parents[1] / "presets"


@cache
def names() -> "tuple[str, ...]":
    """Return the names of the presets."""
    return tuple(sorted(file.stem for file in PRESETS.glob("*.yaml")))


def text(name: str) -> str:
    """Return a preset as it is written. Raises KeyError if there is none of this name."""
    if name not in names():
        raise KeyError(name)
    return (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def preset(name: str) -> "ToolSettings":
    """Return a preset. Raises KeyError if there is none of this name."""
    import msgspec
    import yaml

    from wrappers.command.settings import ToolSettings

    described = msgspec.convert(yaml.safe_load(text(name)), ToolSettings)
    return described if described.preset is None else completed(name, described)


def completed(name: str, settings: "ToolSettings") -> "ToolSettings":
    """Return the settings of a tool with what its preset says besides.

    A tool with the name of a preset does not have to name it. The variables of the preset stay, since some of them keep
    the tool from what a work directory tells it. Raises ValueError, with a sentence for a person, for a
    preset that does not exist.
    """
    from msgspec import structs

    chosen = settings.preset or (name if name in names() and not settings.argv else None)
    if chosen is None:
        return settings
    if chosen not in names():
        raise ValueError(f"tools.{name}.preset: there is no preset {chosen!r}: expected {', '.join(names())}")
    said = {field.name: getattr(settings, field.name) for field in structs.fields(settings)}
    defaults = {field.name: getattr(type(settings)(), field.name) for field in structs.fields(settings)}
    base = preset(chosen)
    changes = {key: value for key, value in said.items() if value != defaults[key] and key != "preset"}
    return structs.replace(base, **changes | {"env": {**base.env, **settings.env}})
