"""Findings about git and the repositories of config.yaml, with the real git."""

from pathlib import Path

import pytest

from dispatcher.checks.finding import Finding
from dispatcher.checks.repositories import check_repositories
from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.settings import Settings
from tests.dispatcher.repositories.making import commit, git, repository, write


def naming(path: Path, **fields: str) -> Settings:
    return Settings(repositories={"shop": RepositorySettings(path=str(path), **fields)})  # type: ignore[arg-type]


def of_shop(settings: Settings) -> list[Finding]:
    first, *others = check_repositories(settings)
    assert (first.level, first.subject) == ("ok", "git")
    assert {finding.subject for finding in others} == {"repository shop"}
    return others


def test_git_is_named_with_its_version() -> None:
    [finding] = check_repositories(Settings())

    assert finding.level == "ok"
    assert finding.what.startswith("/usr/bin/git is 2.")


def test_a_missing_git_is_a_problem_only_where_repositories_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    [without] = check_repositories(Settings())
    [finding] = check_repositories(naming(tmp_path))

    assert without.level == "ok"
    assert "needed only for tasks with --repo" in without.what
    assert (finding.level, finding.what) == ("problem", "git is not on the PATH of the dispatcher")
    assert finding.remedy == "install it (apt install git), version 2.38 or newer"


def test_a_sound_repository_is_named_with_its_base(tmp_path: Path) -> None:
    place = repository(tmp_path / "shop")

    [finding] = of_shop(naming(place))

    assert finding.level == "ok"
    assert finding.what == f"{place}: tasks begin at {git(place, 'rev-parse', 'HEAD')[:12]}"
    assert git(place, "for-each-ref", "refs/llmctl") == ""


@pytest.mark.parametrize(
    ("make", "fields", "what", "remedy"),
    [
        (Path.exists, {}, "is not a directory on this host", "correct config.yaml"),
        (lambda place: place.mkdir(), {}, "is not a git repository", "`git init` makes one"),
        (lambda place: git_init(place), {}, "has no commit yet", "commit something first"),
        (repository, {"ref": "stable"}, "has no branch, tag or commit 'stable'", "branch --all` and"),
    ],
)
def test_what_would_be_refused_is_a_problem_with_its_remedy(  # type: ignore[no-untyped-def]
    tmp_path: Path, make, fields: dict[str, str], what: str, remedy: str
) -> None:
    make(tmp_path / "shop")

    [finding] = of_shop(naming(tmp_path / "shop", **fields))

    assert finding.level == "problem"
    assert what in finding.what
    assert remedy in (finding.remedy or "")


def git_init(place: Path) -> None:
    place.mkdir()
    git(place, "init", "--quiet")


def test_what_a_clone_would_lack_is_a_warning_until_there_is_a_setup(tmp_path: Path) -> None:
    place = repository(tmp_path / "shop")
    head = git(place, "rev-parse", "HEAD")
    git(place, "update-index", "--add", "--cacheinfo", f"160000,{head},vendor")
    (place / "vendor").mkdir()
    write(place, {".gitattributes": "*.bin filter=lfs\n", "big.bin": "x"})
    commit(place, "more")
    write(place, {"README": "changed"})

    without = of_shop(naming(place))
    with_setup = of_shop(naming(place, setup="make"))

    assert [finding.level for finding in without] == ["ok", "ok", "warning", "warning"]
    assert [finding.remedy for finding in without[2:]] == [
        "set repositories.shop.setup to `git submodule update --init --recursive`",
        "set repositories.shop.setup to `git lfs pull`",
    ]
    assert "has uncommitted changes" in without[1].what
    assert [finding.level for finding in with_setup] == ["ok"] * 4


def test_a_partial_repository_without_its_files_is_a_problem(tmp_path: Path) -> None:
    origin = repository(tmp_path / "origin")
    git(origin, "config", "uploadpack.allowFilter", "true")
    place = tmp_path / "shop"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{origin}", str(place))

    *_, finding = of_shop(naming(place))

    assert finding.level == "problem"
    assert "is a partial clone, and files of" in finding.what
    assert "fetch --refetch --no-filter origin` gets all of them" in (finding.remedy or "")
