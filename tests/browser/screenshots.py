"""`just screenshots`: the pictures of docs/images/, from a site that looks as one does on a working day."""

import sys
from pathlib import Path

from tests.browser import chromium
from tests.browser.conftest import Page, log_in
from tests.browser.demo_site import demo_site

IMAGES = Path(__file__).parents[2] / "docs" / "images"

PAGES = {
    "now": "/ui/",
    "tasks": "/ui/tasks",
    "task": "/ui/tasks/{login}",
    "new-task": "/ui/new",
    "accounts": "/ui/accounts",
    "stats": "/ui/stats?by=day",
}
KEPT = (
    ("now", 1024, False),
    ("now", 360, True),
    ("tasks", 1024, True),
    ("task", 1024, False),
    ("task", 360, False),
    ("new-task", 1024, False),
    ("accounts", 1024, True),
    ("stats", 1024, False),
)
"""The pictures in the documentation: page, width and whether it is dark."""
ALL = tuple((name, width, dark) for name in PAGES for width in (360, 1024, 1920) for dark in (False, True))
HEIGHTS = {360: 680, 1024: 680, 1920: 1080}


def take(page: Page, directory: Path, wanted: tuple[tuple[str, int, bool], ...]) -> None:
    """Write these pictures into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    [login] = page.site.sql("SELECT number FROM tasks WHERE name = 'login-tests'")
    with chromium.started() as browser:
        browser.start_over(page.address)
        log_in(browser, page.token())
        for name, width, dark in wanted:
            browser.look(width=width, dark=dark, height=HEIGHTS[width])
            browser.open(PAGES[name].format(login=login["number"]))
            browser.find("h1")
            if name == "task":
                browser.sees("--cov", "pre.log")
            scheme = "dark" if dark else "light"
            browser.picture(directory / f"{name}-{width}-{scheme}.png")


def main() -> None:
    everything = len(sys.argv) > 1
    directory = Path(sys.argv[1]) if everything else IMAGES
    with demo_site() as page:
        take(page, directory, ALL if everything else KEPT)
    sys.stdout.write(f"{directory}\n")


if __name__ == "__main__":
    main()
