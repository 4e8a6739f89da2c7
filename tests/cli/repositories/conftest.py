from pathlib import Path

import pytest

from tests.cli.repositories.projects import ENVIRONMENT, Project, lines, new_project


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, ENVIRONMENT[name])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with one commit that holds `code` and `old name`, and ignores `*.log`."""
    project = new_project(tmp_path / "shop")
    project.write(code=lines(), **{"old name": lines(), ".gitignore": "*.log\n"})
    project.commit("first")
    return project
