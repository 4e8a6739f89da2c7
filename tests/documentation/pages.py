"""The pages that `just docs` writes. What stands above :data:`MARK` in them is written by people, and kept."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.documentation import configuration_page, json_page, sql_page, tools_page

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- From here on `just docs` writes this page. -->\n"

PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration_page.text,
    "json.md": json_page.text,
    "sql.md": sql_page.text,
    "tools.md": tools_page.text,
}


def written(name: str) -> str:
    """Return a page as it should be: what people wrote, and below it what the source says."""
    by_people, mark, _ = (DOCS / name).read_text().partition(MARK)
    assert mark, f"docs/{name} has no mark where the generated part begins"
    return f"{by_people}{MARK}\n{PAGES[name]().strip()}\n"
