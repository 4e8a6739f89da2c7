"""Where our files are, and what is refused when that is not clear."""

from pathlib import Path

import pytest

from dispatcher.configuration import paths, settings
from dispatcher.errors import UsageError


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCTL_HOME", str(tmp_path))
    assert paths.home() == tmp_path
    assert paths.config_files()[0] == tmp_path / "config.yaml"


def test_without_it_the_directories_of_the_platform_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LLMCTL_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.home() == tmp_path / ".local/share/llmctl"
    assert paths.config_files() == [tmp_path / ".config/llmctl/config.yaml"]


@pytest.mark.parametrize("place", [paths.home, paths.config_files])
def test_without_a_home_nothing_is_guessed(place: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMCTL_HOME", raising=False)
    monkeypatch.delenv("HOME")
    assert callable(place)
    with pytest.raises(UsageError, match=r"HOME is not set.*set HOME or LLMCTL_HOME"):
        place()


def test_a_relative_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCTL_HOME", "here")
    with pytest.raises(UsageError, match="must be an absolute path"):
        paths.home()


@pytest.mark.parametrize("variable", ["LLMCTL_HOME", "LLMCTL_CONFIG"])
def test_a_home_that_nobody_has_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLMCTL_HOME", "LLMCTL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "~no-such-user/llmctl")
    with pytest.raises(UsageError, match="'~no-such-user/llmctl' names a home directory that does not exist"):
        settings.load()


def test_our_directories_are_private_and_others_stay_as_they_are(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o755)
    made = paths.private_directory(theirs / "llmctl/work")
    assert [directory.stat().st_mode & 0o777 for directory in (theirs, made.parent, made)] == [
        0o755,
        0o700,
        0o700,
    ]


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot create the directory .*file/llmctl"):
        paths.private_directory(tmp_path / "file/llmctl")
