"""The generated parts of the documentation are what their sources say."""

import pytest

from tests.documentation.pages import DOCS, PAGES, written


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_just_docs_would_write(name: str) -> None:
    assert (DOCS / name).read_text() == written(name), "call `just docs`"
