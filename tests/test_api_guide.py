"""docs/api.md is true: its configuration is used, its commands are run, and what it shows is what they print.

A block of `sh` is run; a block of `json` or `text` below it shows what it prints. "…" stands for anything, and an
object may hold more than is shown. Blocks of `console` and other languages are for people.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from json import JSONDecoder
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from dispatcher.api.application import ROUTES
from dispatcher.configuration.settings import load
from tests.fixtures.api import free_port
from tests.fixtures.dispatchers import PATIENCE, ROOT, Site

GUIDE = ROOT / "docs" / "api.md"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NEXT = "\x1e"


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks() -> list[Block]:
    guide = GUIDE.read_text()
    return [
        Block(
            found[2],
            re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE),
            guide[: found.start()].count("\n") + 2,
        )
        for found in BLOCK.finditer(guide)
    ]


def last_value(printed: str) -> object:
    """Return the last of the values of JSON that were printed one behind the other."""
    decoder, value = JSONDecoder(), None
    while printed := printed.lstrip():
        value, end = decoder.raw_decode(printed)
        printed = printed[end:]
    return value


def fits(shown: object, real: object) -> bool:
    """Return whether a value of JSON is what the guide shows."""
    match shown, real:
        case "…", _:
            return True
        case dict(), dict():
            return all(key in real and fits(value, real[key]) for key, value in shown.items())
        case list(), list():
            return len(shown) == len(real) and all(map(fits, shown, real))
        case str(), str():
            return text_fits(shown, real)
    return shown == real


def text_fits(shown: str, real: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), real, re.DOTALL) is not None


def test_what_the_guide_says_is_what_happens(site: Site) -> None:
    shown = blocks()
    port = free_port()
    config = next(yaml.safe_load(block.text) for block in shown if block.language == "yaml")
    site.config.update(config)
    site.configure("api", port=port)
    site.start().wait_for("the API is served")
    script = [block for block in shown if block.language == "sh"]

    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input="\n".join(f"printf '{NEXT}'\n{block.text}" for block in script).replace(":8000", f":{port}"),
        env=site.variables()
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LLMCTL_CONFIG": str(site.write_config()),
        },
        cwd=site.directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        check=False,
    )

    printed = dict(zip(script, ran.stdout.split(NEXT)[1:], strict=False))
    assert ran.returncode == 0, (
        f"line {script[len(printed) - 1].line}: {list(printed.values())[-1]} {ran.stderr}"
    )
    for block, below in pairwise(shown):
        if block.language == "sh" and below.language == "json":
            real = last_value(printed[block])
            assert fits(msgspec.json.decode(below.text), real), (below.line, real)
        elif block.language == "sh" and below.language == "text":
            assert text_fits(below.text.strip(), printed[block].strip()), (below.line, printed[block])


def test_each_configuration_is_valid(tmp_path: Path) -> None:
    shown = [block for block in blocks() if block.language == "yaml"]

    assert len(shown) > 1
    for block in shown:
        file = tmp_path / "config.yaml"
        file.write_text(block.text)
        assert load(file).api.enabled, block.line


def test_each_route_is_in_the_table() -> None:
    shown = set(re.findall(r"`((?:GET|HEAD|POST|PUT|PATCH|DELETE) [^`]+)`", GUIDE.read_text()))

    assert {f"{method} {path}" for method, path in routes()} - shown == set()


def routes() -> Iterator[tuple[str, str]]:
    for handler in ROUTES:
        for path in handler.paths:
            for name, word in {
                "number:int": "N",
                "run_no:int": "R",
                "name:str": "NAME",
                "limit:path": "SCOPE",
                "path:path": "PATH",
            }.items():
                path = path.replace(f"{{{name}}}", word)
            yield from ((method, path) for method in handler.http_methods)


def test_each_type_of_problem_is_in_the_table() -> None:
    shown = set(re.findall(r"`urn:llmctl:([\w-]+)`", GUIDE.read_text()))
    source = "".join(file.read_text() for file in (ROOT / "dispatcher" / "api").rglob("*.py"))

    assert set(re.findall(r"HTTPStatus\.[A-Z_]+,\s*\"([\w-]+)\"", source)) - {"headers"} - shown == set()
