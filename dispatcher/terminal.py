"""Decides which characters may reach a terminal. Programs get the text unchanged."""

import re
from collections.abc import Mapping
from unicodedata import category

from dispatcher.errors import shortened

ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

# Letters, marks and symbols that show nothing: fillers, variation selectors (which can hide any bytes), Braille blank.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
# Between emoji the joiner makes one picture of them. After an emoji the selector makes it colourful.
_EMOJI = "[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_ONLY_IN_EMOJI = "\u200d\ufe0f"
_OUTSIDE_EMOJI = re.compile(
    f"(?<!{_EMOJI})\ufe0f|(?<!{_EMOJI})(?<!{_EMOJI}\ufe0f)\u200d|\u200d(?!{_EMOJI})",
)


def harmless(text: str) -> str:
    """Return ``text`` without what a terminal obeys and what nobody sees. Line ends and tabs stay.

    It removes escape sequences, control and format characters (also those that reorder text), tag characters and other
    invisible characters. Characters without a meaning in Unicode become U+FFFD. Sequences of emoji stay.
    """
    text = ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    if text.isascii():
        return _ASCII_CONTROL.sub("", text)
    text = text.translate(_replacements(text))
    if any(special in text for special in _ONLY_IN_EMOJI):
        text = _OUTSIDE_EMOJI.sub("", text)
    return text


def visible(text: str) -> str:
    """Return a line in which what a terminal obeys or hides is written out: ``^[``, ``<U+202E>``. Tabs stay.

    It is for what a person reviews, where a character that nobody sees would hide what is done.
    """
    return text.translate({ord(one): _written_out(one) for one in set(text) - {"\t"} if is_hidden(one)})


def one_line(text: str) -> str:
    """Return :func:`harmless` text on one line: each run of white space becomes one blank."""
    return " ".join(harmless(text).split())


def message(text: str) -> str:
    """Return :func:`harmless` text, cut to the longest message."""
    return harmless(shortened(text))


def escaped(json: str) -> str:
    r"""Return equal JSON in which the characters that :func:`harmless` removes are written as ``\uXXXX``."""
    if json.isascii() and "\x7f" not in json:
        return json
    return json.translate({ord(one): _in_json(one) for one in set(json) if is_hidden(one)})


def _replacements(text: str) -> Mapping[int, str]:
    return {ord(one): _replacement(one) for one in set(text) - set(_ONLY_IN_EMOJI) if is_hidden(one)}


def _replacement(hidden: str) -> str:
    match category(hidden):
        case "Zl" | "Zp":
            return " "
        case "Cs" | "Co" | "Cn":
            return "\ufffd"
        case _:
            return ""


def is_hidden(character: str) -> bool:
    """Return whether :func:`harmless` would remove or replace a character. It keeps some of these between emoji."""
    # str.isprintable() is false for the categories "other", and for all separators except the blank.
    if character.isprintable():
        return _INVISIBLE.match(character) is not None
    return character not in "\n\t" and category(character) != "Zs"


def _written_out(hidden: str) -> str:
    code = ord(hidden)
    return f"^{chr(code ^ 0x40)}" if code < 0x20 or code == 0x7F else f"<U+{code:04X}>"


def _in_json(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
