"""The descriptions of CLIs in the docs and in config.example.yaml work as they are printed."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from dispatcher.configuration.settings import load
from tests.fixtures.dispatchers import ROOT
from wrappers.base import Ending, Outcome, Request, Wrapper
from wrappers.command import presets
from wrappers.command.settings import ToolSettings
from wrappers.command.wrapper import command
from wrappers.registry import configured

KIMI = Path(__file__).parent / "kimi"


def outcome(
    wrapper: Wrapper, stdout: bytes, stderr: bytes = b"", exit_code: int = 0, report: bytes = b""
) -> Outcome:
    parser = wrapper.parser()
    parser.feed_stdout(stdout)
    parser.feed_stderr(stderr)
    return parser.finish(Ending(exit_code=exit_code, stderr_tail=stderr.decode(), report=report))


def kimi(scene: str, exit_code: int) -> Outcome:
    settings = msgspec.convert(yaml.safe_load((KIMI / "kimi.yaml").read_text()), ToolSettings)
    stderr = KIMI / f"{scene}.err"
    return outcome(
        command("kimi", settings),
        (KIMI / f"{scene}.out").read_bytes(),
        stderr.read_bytes() if stderr.exists() else b"",
        exit_code,
    )


def test_kimi_is_described_in_contributing_as_it_is_tested() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    [shown] = re.findall(r"^   ```yaml\n(.*?)^   ```$", page, re.MULTILINE | re.DOTALL)

    assert re.sub(r"^   ", "", shown, flags=re.MULTILINE) == (KIMI / "kimi.yaml").read_text()


def test_an_answer_of_kimi_is_proven() -> None:
    answered = kimi("ok", 0)

    assert (answered.error_class, answered.final_text) == (None, "It is done")
    assert answered.session_id == "session_776984f7-28f3-4db2-b017-63a5644f7865"


@pytest.mark.parametrize(
    ("scene", "error_class", "said"),
    [
        ("key-refused", "auth", "kimi said: provider.auth_error: 401 Incorrect API key provided."),
        ("no-model", "invalid_request", "kimi said: provider.api_error: 404 The model `test-model` does not"),
        ("no-session", "invalid_request", "not found.)"),
        ("throttled", "throttled", "kimi said: 429 Rate limit reached"),
    ],
)
def test_a_failure_of_kimi_has_its_class_and_its_words(scene: str, error_class: str, said: str) -> None:
    failed = kimi(scene, 1)

    assert failed.error_class == error_class
    assert said in str(failed.error_message)


def test_the_presets_that_the_readme_names_are_there() -> None:
    [named] = re.findall(r"Presets for other CLIs \((.*?) and more", (ROOT / "README.md").read_text())

    assert set(re.findall(r"`([a-z]+)`", named)) <= set(presets.names())


@pytest.fixture(scope="module")
def example() -> dict[str, Wrapper]:
    return configured(load(ROOT / "config.example.yaml").tools)


def test_a_preset_of_the_example_is_where_it_says_and_does_what_the_preset_does(
    example: dict[str, Wrapper],
) -> None:
    request = Request(run_id="r", prompt_file="/p", permission="full", config_home="/h")
    lab, opencode = (example[name].invocation(request) for name in ("opencode-lab", "opencode"))

    assert example["pi"].program == "/opt/pi/bin/pi"
    assert lab.argv == opencode.argv
    assert lab.env == {**opencode.env, "HTTPS_PROXY": "http://proxy.example.com:3128"}


def test_a_tool_of_the_example_that_is_described_in_full_reads_its_report(
    example: dict[str, Wrapper],
) -> None:
    mini = example["mini"]
    request = Request(run_id="r", prompt_file="/p", prompt="Fix it", report_directory="/d", permission="full")
    good = b'{"info": {"exit_status": "Submitted", "submission": "Fixed.", "model_stats": {"instance_cost": 0.5}}}'
    refused = b'{"info": {"exit_status": "AuthenticationError", "submission": ""}}'

    assert mini.invocation(request).argv[3:] == ("-o", "/d/run.json", "-t", "Fix it")
    assert mini.permissions == ["full"]
    assert outcome(mini, b"a banner\n", report=good) == Outcome(final_text="Fixed.", cost_usd=0.5)
    assert outcome(mini, b"a banner\n", exit_code=1, report=refused).error_class == "auth"
    assert outcome(mini, b"a banner\n").error_class == "agent_error"


def test_what_stands_in_a_comment_of_the_example_is_valid(example: dict[str, Wrapper]) -> None:
    [line] = re.findall(r"^  # (writer: \{.*\}) ", (ROOT / "config.example.yaml").read_text(), re.MULTILINE)
    writer = command("writer", msgspec.convert(yaml.safe_load(line)["writer"], ToolSettings))

    assert "writer" not in example
    assert not writer.is_proven
    assert outcome(writer, b"hello\n").final_text == "hello"
