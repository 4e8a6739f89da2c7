"""A new agent CLI is one package and one line in the registry."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import ROOT, Site

PARROT = """
import msgspec

from wrappers.base import Activity, Finished, Login, Outcome, Versions, Wrapper
from wrappers.failure import Failures
from wrappers.lines import JsonLinesParser


class Line(msgspec.Struct):
    heard: str | None = None
    said: str | None = None


class ParrotParser(JsonLinesParser[Line]):
    said: str | None = None

    def __init__(self):
        super().__init__(msgspec.json.Decoder(Line))

    def read(self, line):
        if line.heard:
            yield Activity(f"listens to {line.heard}")
        if line.said:
            self.said = line.said
            yield Finished()

    def outcome(self, ending):
        if self.said is None:
            message = Failures("parrot").no_final_event(ending)
            return Outcome(error_class="agent_error", error_message=message)
        return Outcome(final_text=self.said)


WRAPPER = Wrapper(
    name="parrot",
    program="parrot",
    install_hint="catch one",
    arguments=lambda request: ("--permission", request.permission),
    parser=ParrotParser,
    config_home_variable="PARROT_HOME",
    default_config_home=".parrot",
    new_home=lambda variables: {"cage.json": "{}"},
    versions=Versions("1.0.0", "1.2.3"),
    login=Login(
        variables={"PARROT_KEY": "key"},
        suggested="PARROT_KEY",
        command="parrot login",
        status=("login", "status"),
    ),
)
"""
PROGRAM = """\
#!/bin/sh
case "$*" in
--version) echo "parrot 1.2.4" ;;
"login status") test -e "$PARROT_HOME/login" ;;
"--permission edit")
    read -r prompt
    test -e "$PARROT_HOME/cage.json" || exit 3
    printf '{"heard": "%s"}\\n{"said": "%s, %s"}\\n' "$prompt" "$prompt" "$prompt" ;;
*) exit 2 ;;
esac
"""


@pytest.fixture
def with_parrot(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a program that knows the parrot: a copy of the wrappers with its package and its line."""
    wrappers = tmp_path / "python" / "wrappers"
    shutil.copytree(ROOT / "wrappers", wrappers, ignore=shutil.ignore_patterns("__pycache__"))
    (wrappers / "parrot").mkdir()
    (wrappers / "parrot" / "__init__.py").touch()
    (wrappers / "parrot" / "wrapper.py").write_text(PARROT)
    registry = (wrappers / "registry.py").read_text()
    line = '    "claude": "wrappers.claude",\n'
    assert line in registry
    (wrappers / "registry.py").write_text(registry.replace(line, line + line.replace("claude", "parrot")))
    program = tmp_path / "bin" / "parrot"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(wrappers.parent),
        "PYTHONSAFEPATH": "1",
    }


def test_a_new_cli_runs_tasks_and_is_checked(
    site: Site, with_parrot: Mapping[str, str], tmp_path: Path
) -> None:
    home = site.directory / "account"
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("cracker")
    account = {"tool": "parrot", "config_home": str(home)}
    site.config["groups"]["parrot-main"] = {**account, "env": {"PARROT_KEY": f"file:{key}"}}
    site.config["limits"] = {"tool:parrot": 1}

    site.start(env=with_parrot).wait_for("dispatcher started")
    number = site.submit("hello", tool="parrot")
    site.wait_for("succeeded", number)

    assert site.runs(number)[0]["final_text"] == "hello, hello"
    assert (home / "cage.json").read_text() == "{}"
    site.config["groups"]["parrot-main"] = account
    assert checked(site, with_parrot) == {
        "tool parrot": (
            "ok",
            f"{site.directory}/bin/parrot 1.2.4; this version was not measured; these were: 1.2.3",
        ),
        "group parrot-main": ("problem", f"parrot is not logged in, in {home}"),
    }
    (home / "login").touch()
    assert checked(site, with_parrot)["group parrot-main"][0] == "ok"


def checked(site: Site, env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What `dispatcher check` says of the parrot and its account."""
    command = [
        sys.executable,
        "-m",
        "dispatcher.commands.main",
        "--config",
        str(site.write_config()),
        "check",
    ]
    variables = {"HOME": str(site.directory), "LLMCTL_DATABASE_URL": site.url, **env}
    said = subprocess.run(
        [*command, "-o", "json"], env=variables, capture_output=True, text=True, check=False
    )
    return {
        finding["subject"]: (finding["level"], finding["what"])
        for finding in json.loads(said.stdout)
        if "parrot" in finding["subject"]
    }
