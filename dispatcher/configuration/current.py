"""The configuration that is in force."""

from collections.abc import Mapping
from dataclasses import dataclass

from dispatcher.configuration.settings import Settings
from wrappers.base import Wrapper


@dataclass(slots=True)
class CurrentConfiguration:
    """What config.yaml said when it was last read. A hang-up replaces both: keep this object, not what it holds."""

    settings: Settings
    wrappers: Mapping[str, Wrapper]
