"""Text for people holds nothing that a terminal obeys or that nobody sees."""

import io
import sys
import unicodedata

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dispatcher import terminal
from dispatcher.checks import report
from dispatcher.checks.finding import Finding
from dispatcher.configuration import logs
from dispatcher.configuration.sections.service import LoggingSettings

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HEART = "\u2764\ufe0f\u200d\U0001f525"

HIDDEN = (
    *(chr(code) for code in range(0x20) if chr(code) not in "\n\t"),
    *map(chr, range(0x7F, 0xA0)),
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2028\u2029\u2800\u3164\ufeff\uffa0",
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x2070)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xFFF9, 0xFFFC)),
    *map(chr, range(0xE0000, 0xE0080)),
    *map(chr, range(0xE0100, 0xE01F0)),
    "\ue000\U0010fffd\ud800\udfff\U0001bca0\U0001d173",
)
hidden = st.sampled_from("".join(HIDDEN))
escapes = st.sampled_from(
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x1bc", "\x1b]52;c;aGk=\x1b\\", "\x1bP", "\r\n"]
)
emoji = st.sampled_from([FAMILY, HEART, "\U0001f44d\U0001f3fd", "\u2764\ufe0f"])
text = st.lists(hidden | escapes | emoji | st.text(max_size=3) | st.characters(), max_size=20).map("".join)


def shows_all(shown: str) -> bool:
    """Return whether every character is visible, except those that join emoji."""
    without_emoji = shown
    for sequence in (FAMILY, HEART, "\u2764\ufe0f"):
        without_emoji = without_emoji.replace(sequence, "")
    return not any(
        (unicodedata.category(one)[0] == "C" and one not in "\n\t") or one in "".join(HIDDEN)
        for one in without_emoji
        if one not in "\u200d\ufe0f" or not _beside_emoji(one, shown)
    )


def _beside_emoji(special: str, shown: str) -> bool:
    """Return whether each of them follows an emoji, and each joiner also precedes one."""
    return all(
        at > 0
        and (is_emoji(shown[at - 1]) or (special == "\u200d" and shown[at - 1] == "\ufe0f"))
        and (special == "\ufe0f" or is_emoji(shown[at + 1 : at + 2]))
        for at, one in enumerate(shown)
        if one == special
    )


def is_emoji(character: str) -> bool:
    return bool(character) and (
        character >= "\U0001f000" or "\u2190" <= character <= "\u21ff" or "\u2300" <= character <= "\u2bff"
    )


@given(text)
def test_nothing_that_is_hidden_or_obeyed_is_left(given_text: str) -> None:
    assert shows_all(terminal.harmless(given_text))
    assert shows_all(terminal.one_line(given_text))
    assert "\n" not in terminal.one_line(given_text)
    assert shows_all(terminal.message(given_text * 200))


def test_each_hidden_character_is_gone_from_the_middle_of_a_word() -> None:
    for character in "".join(HIDDEN):
        assert character not in terminal.harmless(f"ro{character}ot")
        assert character not in terminal.harmless(f"rü{character}ot")


@pytest.mark.parametrize(
    "shown", [FAMILY, HEART, "नमस्ते", "日本語 → ñ\u0301", "a\u00a0b", "one\n\ttwo", "½ € ☕"]
)
def test_what_people_write_stays(shown: str) -> None:
    assert terminal.harmless(shown) == shown


@given(st.dictionaries(text, text))
def test_json_means_the_same_and_hides_nothing(value: dict[str, str]) -> None:
    clean = {
        key.encode(errors="replace").decode(): part.encode(errors="replace").decode()
        for key, part in value.items()
    }
    encoded = msgspec.json.encode(clean).decode()
    escaped = terminal.escaped(encoded)
    assert msgspec.json.decode(escaped) == clean
    assert terminal.harmless(escaped) == escaped


def test_a_message_that_quotes_too_much_says_at_its_ends_what_was_wrong() -> None:
    said = terminal.message(f"config.yaml: {'9' * 5000} is no number (nothing was queued)")
    assert said.startswith("config.yaml: 999")
    assert said.endswith("999 is no number (nothing was queued)")
    assert len(said) < 2_100


@given(text, text)
def test_findings_hide_nothing(what: str, subject: str) -> None:
    found = [Finding("problem", subject, what, what)]
    assert all(shows_all(line) for line in report.lines(found, width=60))
    assert shows_all(report.to_json([Finding("problem", "s", what.encode(errors="replace").decode())]))


@given(event=text, value=text)
def test_log_lines_for_people_hide_nothing_and_are_one_line(event: str, value: str) -> None:
    heard, stderr = io.StringIO(), sys.stderr
    sys.stderr = heard
    try:
        logs.configure(LoggingSettings(format="text"))
        structlog.get_logger().warning(event, value=value, several=[value])
    finally:
        sys.stderr = stderr
        structlog.reset_defaults()
    line = heard.getvalue()
    assert shows_all(line)
    assert line.count("\n") == 1
