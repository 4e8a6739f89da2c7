"""The locked versions: whole, with hashes, within what pyproject.toml promises, and of no registry in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [
    Requirement(text)
    for text in (
        *PROJECT["dependencies"],
        *(text for extra in ("api", "dev") for text in PROJECT["optional-dependencies"][extra]),
    )
    if not text.startswith("llmctl")
]
PIN = re.compile(r"^([a-zA-Z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the version of each package of a file."""
    text = (ROOT / "constraints" / name).read_text()
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


@pytest.mark.parametrize("name", ["newest.txt", "lowest.txt"])
def test_each_dependency_is_locked_within_its_bounds(name: str) -> None:
    locked = pins(name)
    wrong = [
        str(one)
        for one in DECLARED
        if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0"), prereleases=True)
    ]
    assert wrong == [], "`just lock` writes constraints/ anew"


@pytest.mark.parametrize("name", ["newest.txt", "lowest.txt"])
def test_each_locked_package_has_a_hash_and_none_an_address(name: str) -> None:
    text = (ROOT / "constraints" / name).read_text()
    entries = re.split(r"\n(?=[a-zA-Z])", text)
    assert len(entries) == len(pins(name)) > 50
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize("one", DECLARED, ids=lambda one: one.name)
def test_the_lowest_version_that_is_promised_is_the_one_that_is_locked_as_the_lowest(
    one: Requirement,
) -> None:
    """Otherwise something else needs a higher one, and nobody has tried what pyproject.toml promises."""
    lower = [bound.version for bound in one.specifier if bound.operator == ">="]
    found = pins("lowest.txt")[canonicalize_name(one.name)]
    assert all(same(bound, found) for bound in lower), (
        f"{one.name} {lower} is promised, {found} is the lowest"
    )


def same(bound: str, version: str) -> bool:
    """Return whether ``version`` is the bound, or the first one there is of a bound such as 3.2."""
    return version == bound or version.startswith(f"{bound}.")
