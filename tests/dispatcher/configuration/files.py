"""Configuration files of tests."""

from pathlib import Path

import pytest

from dispatcher.configuration import settings
from dispatcher.errors import UsageError


def load(tmp_path: Path, text: str) -> settings.Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return settings.load(file)


def complaint(tmp_path: Path, text: str) -> str:
    """Return the message of the error with which the file is refused."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "config.yaml"))
    return message
