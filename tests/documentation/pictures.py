"""`just pictures`: the pictures of the command line in docs/images/, from what the commands print on a terminal."""

import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.browser.demo_site import demo_site
from tests.cli.conftest import Llmctl
from tests.cli.terminal import terminal
from tests.fixtures.dispatchers import ROOT, Site

IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 118, 26
LEAVES_SCREEN = "\x1b[?1049l"
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""The fonts that rich names are on a server of somebody else."""


def take(site: Site, directory: Path) -> None:
    """Write a picture of each command into a directory."""
    llmctl = Llmctl(ROOT, {**site.variables(), "LLMCTL_CONFIG": str(site.write_config()), "LANG": "C.UTF-8"})
    with terminal(llmctl, "watch", columns=COLUMNS, lines=LINES) as watching:
        watching.until_shown("login-tests")
        watching.type("q")
        watching.ended()
        _write(directory / "watch.svg", "llmctl watch", watching.seen.rpartition(LEAVES_SCREEN)[2])
    with terminal(llmctl, "ls", "--limit", "14", columns=COLUMNS, lines=LINES) as listing:
        listing.ended()
        _write(directory / "ls.svg", "llmctl ls -n 14", listing.seen)


def _write(file: Path, title: str, printed: str) -> None:
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor")
    lines = [Text.from_ansi(line.rstrip("\r")) for line in printed.strip("\r\n").split("\n")]
    for line in lines:
        console.print(line)
    svg = FONT_FACE.sub("", console.export_svg(title=title, unique_id=file.stem))
    file.write_text(re.sub(r" +$", "", svg, flags=re.MULTILINE))


def main() -> None:
    directory = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    directory.mkdir(parents=True, exist_ok=True)
    with demo_site() as page:
        take(page.site, directory)
    sys.stdout.write(f"{directory}\n")


if __name__ == "__main__":
    main()
