"""docs/api.md is true: its configuration is used, its commands are run, and what it shows is what they print."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from dispatcher.api.application import ROUTES
from dispatcher.api.problems import STATUSES
from dispatcher.configuration.settings import load
from tests.documentation.blocks import blocks
from tests.documentation.running import run
from tests.fixtures.api import free_port
from tests.fixtures.dispatchers import ROOT, Site

GUIDE = ROOT / "docs" / "api.md"


def test_what_the_guide_says_is_what_happens(site: Site) -> None:
    port = free_port()
    config = next(yaml.safe_load(block.text) for block in blocks(GUIDE) if block.language == "yaml")
    site.config.update(config)
    site.configure("api", port=port)
    site.start().wait_for("the API is served")

    run(GUIDE, site, port=port)


def test_each_configuration_is_valid(tmp_path: Path) -> None:
    shown = [block for block in blocks(GUIDE) if block.language == "yaml"]

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

    assert {words.name for words in STATUSES.values()} - shown == set()
    assert set(re.findall(r"HTTPStatus\.[A-Z_]+,\s*\"([\w-]+)\"", source)) - {"headers"} - shown == set()
