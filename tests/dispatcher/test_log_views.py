"""How an agent's output is shown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.log_views import Lines, Raw, Retold, View, view_of
from tests.wrappers.record import RECORDED
from wrappers.registry import BUILT_IN, wrapper_of


def shown(view: View, content: bytes, cuts: list[int] | None = None) -> str:
    places = [0, *sorted(cuts or []), len(content)]
    return (b"".join(view.feed(content[a:b]) for a, b in pairwise(places)) + view.end()).decode()


@pytest.mark.parametrize(
    ("tool", "story"),
    [
        ("claude", "[edits report.md]\nWritten.\n"),
        ("codex", "[runs printf %s 'all is well' > 'report.md']\nWritten.\n"),
        ("gemini", "[edits report.md]\nWritten.\n"),
    ],
)
def test_what_a_cli_prints_for_programs_is_retold(tool: str, story: str) -> None:
    recorded = (RECORDED / tool / "write.out").read_bytes()
    assert shown(view_of(tool, "stdout", raw=False), recorded) == story


def test_a_tool_of_the_configuration_and_stderr_are_shown_as_lines() -> None:
    assert isinstance(view_of("aider", "stdout", raw=False), Lines)
    assert isinstance(view_of("claude", "stderr", raw=False), Lines)
    assert isinstance(view_of("claude", "stdout", raw=True), Raw)


def test_the_events_of_a_preset_are_retold_and_the_text_of_one_stays() -> None:
    line = b'{"type":"assistant","message":{"content":[{"type":"text","text":"so be it"}]}}\n'
    assert shown(view_of("qwen", "stdout", raw=False), line) == "so be it\n"
    assert isinstance(view_of("llm", "stdout", raw=False), Lines)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_are_the_same_however_the_output_was_cut(content: bytes, cuts: list[int]) -> None:
    places = [min(cut, len(content)) for cut in cuts]
    assert shown(Lines(), content, places) == shown(Lines(), content)


@pytest.mark.parametrize("tool", sorted(BUILT_IN))
@given(cuts=st.lists(st.integers(0, 3000), max_size=5))
def test_a_story_is_the_same_however_the_output_was_cut(tool: str, cuts: list[int]) -> None:
    recorded = (RECORDED / tool / "write.out").read_bytes()
    places = [min(cut, len(recorded)) for cut in cuts]
    retold = shown(view_of(tool, "stdout", raw=False), recorded, places)
    assert retold == shown(view_of(tool, "stdout", raw=False), recorded)


def test_control_sequences_are_taken_out_even_when_they_are_cut() -> None:
    content = "\x1b[31mred\x1b[0m \x1b]0;title\x07ä\x9b1m\r\n\x1b]52;never closed\nsecond\0\n".encode()
    for cut in range(len(content)):
        assert shown(Lines(), content, [cut]) == "red ä\n\nsecond\n"


def test_what_an_agent_says_cannot_move_the_cursor() -> None:
    line = b'{"type":"assistant","message":{"content":[{"type":"text","text":"a\\u001b[2Jb\\u0007"}]}}\n'
    assert shown(Retold(wrapper_of("claude").parser()), line) == "ab\n"


def test_invalid_bytes_are_replaced() -> None:
    assert shown(Lines(), b"\xff\xc3\xa4\xc3") == "\ufffdä\ufffd"
