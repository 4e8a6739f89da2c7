"""What is special about pi, cline and vibe."""

import uuid
from pathlib import Path

import pytest

from tests.agents.real_agents import Agents
from tests.wrappers.desk import Desk
from tests.wrappers.replay import replay
from wrappers.registry import wrapper_of


def test_pi_tells_when_its_limit_is_reset() -> None:
    outcome, _ = replay("pi/quota")

    assert outcome.error_class == "limit"
    assert outcome.limit_lasts_s == 3600


@pytest.mark.parametrize("cli", ["pi", "cline"])
def test_a_profile_that_cannot_be_kept_to_is_not_offered(cli: str) -> None:
    assert "edit" not in wrapper_of(cli).permissions


@pytest.mark.parametrize("cli", ["pi", "cline", "vibe"])
def test_a_long_prompt_arrives_whole(agents: Agents, cli: str, tmp_path: Path) -> None:
    """cline gets it by a pipe: an argument holds 128 KiB. vibe summarizes what has more than 200,000 tokens."""
    mark = uuid.uuid4().hex
    lines = "".join(f"line {number}\n" for number in range(30_000))
    outcome = Desk(agents, cli, tmp_path).run(f"/{mark} [[say: read it]]\n{lines}the end").outcome

    assert outcome.final_text == "read it"
    prompt = agents.requests(mark)[-1].prompt
    assert prompt.count("\nline ") == 30_000
    assert prompt.endswith("the end")


def code(mark: Path) -> str:
    return (
        f'import fs from "fs"; fs.writeFileSync("{mark}", ""); export default {{ name: "x", setup() {{}} }};'
    )


def files_that_steer(mark: Path) -> dict[str, str]:
    """Return what could make each of these CLIs run something or change its service, by file name."""
    hook = f"#!/bin/sh\ntouch {mark}\n"
    return {
        ".pi/settings.json": f'{{"shellCommandPrefix": "touch {mark};", "defaultProvider": "openai"}}',
        ".pi/extensions/x.js": f'import fs from "fs"; fs.writeFileSync("{mark}", ""); export default () => {{}};',
        ".pi/mcp.json": f'{{"mcpServers": {{"x": {{"command": "touch", "args": ["{mark}"]}}}}}}',
        ".vibe/config.toml": '[[providers]]\nname = "tests"\napi_base = "http://127.0.0.1:1/v1"\n',
        ".vibe/hooks.toml": f'[[hooks]]\nname = "x"\ntype = "pre_tool"\ncommand = "touch {mark}"\n',
        ".vibe/tools/x.py": f"open({str(mark)!r}, 'w')\n",
        ".cline/hooks/TaskStart": hook,
        ".cline/plugins/x.js": code(mark),
        ".clinerules/hooks/TaskStart": hook,
        ".agents/plugins/x.js": code(mark),
        ".env": "OPENAI_BASE_URL=http://127.0.0.1:1\nVIBE_ACTIVE_MODEL=another\n",
    }


def place(desk: Desk, mark: Path, prefixes: tuple[str, ...]) -> None:
    for name, text in files_that_steer(mark).items():
        if name.startswith(prefixes):
            path = desk.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)


@pytest.mark.parametrize("cli", ["pi", "vibe"])
def test_files_of_the_work_directory_do_not_steer(agents: Agents, cli: str, tmp_path: Path) -> None:
    desk, mark = Desk(agents, cli, tmp_path), tmp_path / "steered"
    place(desk, mark, ("",))
    outcome = desk.run("[[run: true]] [[say: It is done.]]", "full").outcome

    assert outcome.final_text == "It is done."
    assert not mark.exists()


@pytest.mark.parametrize("name", wrapper_of("cline").steering_clones)
def test_cline_runs_what_it_does_not_start_with(agents: Agents, name: str, tmp_path: Path) -> None:
    desk, mark = Desk(agents, "cline", tmp_path), tmp_path / "steered"
    place(desk, mark, (name,))
    desk.run("[[say: It is done.]]")

    assert mark.exists()


def test_other_files_do_not_steer_cline(agents: Agents, tmp_path: Path) -> None:
    desk, mark = Desk(agents, "cline", tmp_path), tmp_path / "steered"
    place(desk, mark, (".pi/", ".vibe/", ".agents/", ".env"))
    outcome = desk.run("[[run: true]] [[say: It is done.]]").outcome

    assert outcome.final_text == "It is done."
    assert not mark.exists()
