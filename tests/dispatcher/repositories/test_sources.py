"""Which repositories a task may work on, and at which commit it begins."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from dispatcher.configuration.sections.repositories import RepositorySettings
from dispatcher.configuration.sections.runs import SecuritySettings
from dispatcher.configuration.settings import Settings
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.sources import Source, find_source, is_trusted, resolve_base
from tests.dispatcher.repositories.making import Yard, commit, git, repository, write


def find(given: Path | str, settings: Settings) -> Source:
    return find_source(str(given), settings, Git())


def refused(given: Path | str, settings: Settings) -> tuple[str, str]:
    with pytest.raises(RepositoryError) as caught:
        find(given, settings)
    return caught.value.error_class, str(caught.value)


def base_refused(source: Source, ref: str | None = None) -> str:
    with pytest.raises(RepositoryError) as caught:
        resolve_base(source, ref, Git())
    assert caught.value.error_class == "invalid_request"
    return str(caught.value)


def test_a_path_below_the_allowed_roots_is_found(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")

    source = find(place, yard.settings)

    assert source == Source(place, place / ".git", place / ".git/objects", None)


@pytest.mark.parametrize("inside", ["src", ".git", ".git/objects", "."])
def test_a_path_inside_a_repository_stands_for_all_of_it(yard: Yard, inside: str) -> None:
    place = repository(yard.allowed / "shop")

    assert find(place / inside, yard.settings).path == place


def test_a_bare_repository_is_found(yard: Yard) -> None:
    repository(yard.root / "shop")
    bare = yard.allowed / "shop.git"
    git(yard.root, "clone", "--quiet", "--bare", "shop", str(bare))

    source = find(bare, yard.settings)

    assert (source.path, source.git_dir) == (bare, bare)
    assert resolve_base(source, "main", Git()) == git(bare, "rev-parse", "main")


def test_a_work_tree_shares_the_refs_of_its_repository_and_begins_at_its_own_head(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    second = yard.allowed / "second"
    git(place, "worktree", "add", "--quiet", "-b", "other", str(second))
    head = commit(second, "only there")

    source = find(second, yard.settings)

    assert (source.path, source.git_dir) == (second, place / ".git")
    assert resolve_base(source, None, Git()) == head != git(place, "rev-parse", "HEAD")


def test_what_is_outside_is_refused_however_it_is_written(yard: Yard) -> None:
    outside = repository(yard.root / "outside")
    (yard.allowed / "link").symlink_to(outside)
    (yard.allowed / "place").mkdir()
    (yard.allowed / "place" / ".git").write_text(f"gitdir: {outside}/.git\n")
    git(outside, "worktree", "add", "--quiet", str(yard.allowed / "tree"))

    for given in (outside, yard.allowed / "link", f"{yard.allowed}/../outside", "/", yard.root / "missing"):
        error_class, message = refused(given, yard.settings)
        assert error_class == "permission_denied"
        assert "is not below any of this dispatcher's security.allowed_roots: add a root" in message
    for given in (yard.allowed / "place", yard.allowed / "tree"):
        error_class, message = refused(given, yard.settings)
        assert error_class == "permission_denied"
        assert f"{given} belongs to {outside}/.git, which is not below" in message


def test_a_directory_in_a_repository_around_the_roots_is_refused(yard: Yard) -> None:
    repository(yard.root / "home", {"x": ""})
    inner = yard.root / "home" / "src"
    inner.mkdir()
    settings = Settings(security=SecuritySettings(allowed_roots=(str(inner),)))

    error_class, message = refused(inner, settings)

    assert error_class == "permission_denied"
    assert f"{inner} belongs to {yard.root}/home, which is not below" in message


def test_any_path_is_allowed_where_the_roots_are_not_enforced(yard: Yard) -> None:
    outside = repository(yard.root / "outside")
    settings = replace(yard.settings, security=SecuritySettings(enforce_path_whitelist=False))

    assert find(outside, settings).path == outside


def test_a_name_of_config_is_found_anywhere_with_its_settings(yard: Yard) -> None:
    outside = repository(yard.root / "outside")
    settings = yard.naming(outside, check="make test")

    source = find("shop", settings)

    assert source.path == outside
    assert source.settings is not None
    assert source.settings.check == "make test"


def test_the_path_of_a_named_repository_counts_as_its_name(yard: Yard) -> None:
    outside = repository(yard.root / "outside")
    settings = yard.naming(outside, check="make test")

    assert find(outside / "src", settings) == find("shop", settings)


def test_another_repository_inside_of_a_named_one_has_nothing_of_it(yard: Yard) -> None:
    outer = repository(yard.allowed / "outer")
    inner = repository(outer / "vendor" / "inner")
    settings = replace(yard.naming(outer, hooks=True, trusted=True), security=yard.settings.security)

    assert find(inner, settings) == Source(inner, inner / ".git", inner / ".git/objects", None)
    assert refused(inner, yard.naming(outer))[0] == "permission_denied"
    both = {**settings.repositories, "inner": RepositorySettings(path=str(inner), check="make inner")}
    found = find(inner, replace(settings, repositories=both)).settings
    assert found is not None
    assert found.check == "make inner"


def test_trust_is_in_what_config_names_by_its_name_or_the_path_as_it_stands_there(yard: Yard) -> None:
    outside = repository(yard.root / "outside")
    (yard.root / "link").symlink_to(outside)
    trusting = yard.naming(outside, trusted=True)

    assert is_trusted("shop", trusting)
    assert is_trusted(str(outside), trusting)
    for other in ("ship", str(outside / "src"), str(yard.root / "link"), f"{outside}/../outside"):
        assert not is_trusted(other, trusting)
    assert not is_trusted("shop", yard.naming(outside))


def test_an_unknown_name_is_refused_with_those_that_there_are(yard: Yard) -> None:
    settings = yard.naming(repository(yard.root / "outside"))

    error_class, message = refused("ship", settings)

    assert error_class == "invalid_request"
    assert "'ship' is not a repository that config.yaml names under repositories (it names shop)" in message
    assert "(it names none)" in refused("ship", Settings())[1]


def test_a_repository_inside_the_directory_of_runs_is_refused(yard: Yard) -> None:
    place = repository(yard.root / "runs" / "db" / "7-1" / "work")
    settings = replace(yard.settings, security=SecuritySettings(enforce_path_whitelist=False))

    error_class, message = refused(place, settings)

    assert error_class == "permission_denied"
    assert "which holds the directories of all runs" in message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.exists, "is not a directory on this host"),
        (lambda place: place.write_text(""), "is not a directory on this host"),
        (lambda place: place.mkdir(), "is not a git repository: `git init` makes one, or name another"),
        (lambda place: (place / ".git").mkdir(parents=True), "is not a git repository"),
    ],
)
def test_what_is_not_a_repository_is_refused_with_what_it_is(yard: Yard, make, words: str) -> None:  # type: ignore[no-untyped-def]
    make(yard.allowed / "place")

    error_class, message = refused(yard.allowed / "place", yard.settings)

    assert error_class == "invalid_request"
    assert words in message


def test_a_repository_that_this_git_cannot_read_is_refused_with_its_words(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    with (place / ".git/config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfuture = true\n")

    error_class, message = refused(place, yard.settings)

    assert error_class == "invalid_request"
    assert "unknown repository extension" in message


def test_a_path_with_a_line_end_is_refused(yard: Yard) -> None:
    place = repository(yard.allowed / "a\nb")

    assert "has a line end: rename" in refused(place, yard.settings)[1]


def test_an_empty_repository_asks_for_a_commit(yard: Yard) -> None:
    place = yard.allowed / "empty"
    place.mkdir()
    git(place, "init", "--quiet")

    source = find(place, yard.settings)

    assert base_refused(source).endswith("empty has no commit yet: commit something first")
    assert "has no commit yet" in base_refused(source, "main")


def test_a_head_without_a_commit_asks_for_another_ref(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    git(place, "checkout", "--quiet", "--orphan", "new")

    source = find(place, yard.settings)

    assert "HEAD of" in base_refused(source)
    assert "name another one with --ref" in base_refused(source)
    assert resolve_base(source, "main", Git()) == git(place, "rev-parse", "main")


def test_branches_tags_and_commits_are_refs_and_a_tag_means_its_commit(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    first = git(place, "rev-parse", "HEAD")
    git(place, "tag", "--annotate", "--message", "x", "v1")
    commit(place, "the second")
    source = find(place, yard.settings)

    assert resolve_base(source, "v1", Git()) == first
    assert resolve_base(source, "main~1", Git()) == first
    assert resolve_base(source, first[:12], Git()) == first
    assert resolve_base(source, None, Git()) != first


def test_the_ref_of_config_counts_unless_the_task_names_one(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    git(place, "branch", "stable")
    commit(place, "the second")
    source = find("shop", yard.naming(place, ref="stable"))

    assert resolve_base(source, None, Git()) == git(place, "rev-parse", "stable")
    assert resolve_base(source, "main", Git()) == git(place, "rev-parse", "main")


@pytest.mark.parametrize(
    "ref", ["gone", "--all", "--git-dir", "-x", "HEAD:README", "a..b", "", "x\ny", "@{-1}"]
)
def test_what_is_not_a_ref_is_refused(yard: Yard, ref: str) -> None:
    place = repository(yard.allowed / "shop")
    source = find(place, yard.settings)

    if ref:
        assert "has no branch, tag or commit" in base_refused(source, ref)
    else:
        assert resolve_base(source, ref, Git()) == git(place, "rev-parse", "HEAD")


def test_a_detached_and_dirty_source_begins_at_its_commit(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    first = git(place, "rev-parse", "HEAD")
    commit(place, "the second")
    git(place, "checkout", "--quiet", "--detach", first)
    write(place, {"README": "changed"})

    assert resolve_base(find(place, yard.settings), None, Git()) == first


def test_a_configuration_that_cannot_be_read_is_refused_with_the_place(yard: Yard) -> None:
    place = repository(yard.allowed / "shop")
    git(place, "config", "--file", ".git/config", "include.path", "HEAD")

    error_class, message = refused(place, yard.settings)

    assert error_class == "invalid_request"
    assert "bad config line 1 in file" in message
    assert f"`git -C {place} status` shows more" in message


def test_a_repository_that_would_read_for_ever_is_given_up(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = repository(yard.allowed / "shop")
    (place / ".git/config").write_text("[include]\n\tpath = fifo\n")
    os.mkfifo(place / ".git/fifo")
    monkeypatch.setattr("dispatcher.repositories.sources.GLANCE", 0.2)

    error_class, message = refused(place, yard.settings)

    assert error_class == "no_resources"
    assert "took longer than 0.2 s on this host" in message
