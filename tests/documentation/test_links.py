"""What the documentation names is there: a link leads somewhere, and a path is that of a file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/*/README.md")])
LINK = re.compile(r"\]\((?P<path>[^)#:]*)(?:#(?P<anchor>[^)]*))?\)")
PATH = re.compile(r"`((?:sql|dispatcher|wrappers|cli|tests|docs)/[\w./-]*)`")
BARE = re.compile(r"`([a-z0-9_]+\.(?:sql|py))`")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing(page: Path) -> Iterator[str]:
    text = page.read_text()
    for link in LINK.finditer(text):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            yield link[0]
    yield from (path for path in PATH.findall(text) if not (ROOT / path).exists())
    yield from (name for name in BARE.findall(text) if not any(ROOT.glob(f"[!.n]*/**/{name}")))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_each_link_and_path_of_a_page_leads_somewhere(page: Path) -> None:
    assert list(missing(page)) == []
