"""What only codex does: recorded output, and the real CLI against the model server."""

import shlex
import time
import uuid
from pathlib import Path

import pytest

from tests.agents.real_agents import Agents
from tests.wrappers.desk import Desk
from tests.wrappers.record import RECORDED
from tests.wrappers.replay import WRAPPERS, request
from wrappers.base import Ending
from wrappers.registry import wrapper_of


@pytest.mark.parametrize("escape", ["\\ud83d", "\\udc00", "\\u0000"])
def test_an_answer_that_no_database_would_take_is_made_storable(escape: str) -> None:
    output = (RECORDED / "codex" / "ok.out").read_text().replace("ça va", f"ça{escape} va")
    parser = WRAPPERS["codex"].parser()
    parser.feed_stdout(output.encode())
    text = parser.finish(Ending(exit_code=0)).final_text

    assert text.startswith("It is done — ça")
    assert text.endswith("va 🎉")
    assert "\0" not in text
    text.encode()


def test_characters_are_counted_as_the_cli_counts_them(agents: Agents, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    desk = Desk(agents, "codex", tmp_path)
    prompt = f"{mark} [[say: read it]] ".ljust(2**20, "🎉")

    assert desk.wrapper.longest_prompt is not None
    assert desk.wrapper.longest_prompt.length_of(prompt) == desk.wrapper.longest_prompt.most
    assert desk.run(prompt).outcome.final_text == "read it"


def test_codex_says_when_its_limit_ends_also_in_a_session_that_failed_before(
    agents: Agents, tmp_path: Path
) -> None:
    desk = Desk(agents, "codex", tmp_path)
    first = desk.run("[[fail quota resets=9000]]").outcome
    again = desk.run("[[fail quota resets=3000]]", resume=first.session_id).outcome
    refused = desk.run("[[fail 404]]", resume=first.session_id).outcome

    now = time.time()
    assert (first.error_class, again.error_class) == ("limit", "limit")
    assert first.limit_resets_at == pytest.approx(now + 9000, abs=120)
    assert again.limit_resets_at == pytest.approx(now + 3000, abs=120)
    assert (refused.error_class, refused.limit_resets_at) == ("invalid_request", None)


def test_codex_needs_nothing_but_its_key(agents: Agents, tmp_path: Path) -> None:
    """No model and no provider are configured: the built-in provider serves, at another address in this test."""
    desk = Desk(agents, "codex", tmp_path)
    (desk.account.config_home / "config.toml").write_text(f'openai_base_url = "{agents.url}/v1"\n')
    outcome = desk.run(f"[[say: {desk.account.key}]]").outcome

    assert outcome.final_text == desk.account.key
    request = agents.requests(desk.account.key)[-1]
    assert request.headers["authorization"] == f"Bearer {desk.account.key}"


def test_codex_obeys_no_settings_of_a_directory_that_nobody_trusts(agents: Agents, tmp_path: Path) -> None:
    desk = Desk(agents, "codex", tmp_path)
    (desk.work / ".codex").mkdir()
    server = '[mcp_servers.x]\ncommand = "sh"\nargs = ["-c", "touch steered"]\n'
    (desk.work / ".codex" / "config.toml").write_text(server)
    story = desk.run("[[slow 1]] [[say: not steered]]")

    assert story.outcome.final_text == "not steered"
    assert not (desk.work / "steered").exists()


def test_codex_streams_json_in_its_sandbox() -> None:
    invocation = wrapper_of("codex").invocation(request(model="gpt-5"))

    assert shlex.join(invocation.argv) == (
        "codex exec --json --skip-git-repo-check -s workspace-write --disable plugins "
        "-c check_for_update_on_startup=false -c analytics.enabled=false -m gpt-5 -"
    )
