"""Finding values in what a tool printed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrappers.command.paths import MOST, as_text, fill_in, is_there, look_up, number_at, text_at

DOCUMENT = {
    "text": "hello",
    "parts": [{"text": "a", "n": 1}, {"text": "b", "n": 2}, {"other": "c"}],
    "empty": {"list": [], "text": "", "none": None, "no": False},
    "zero": 0,
    "0": "a key, not a place",
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc*0-"), inner, max_size=4),
)
paths = st.lists(st.sampled_from(["a", "b", "c", "*", "0", "-1", "99", "-"]), min_size=1, max_size=4).map(
    ".".join
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("text", ["hello"]),
        ("parts.0.text", ["a"]),
        ("parts.-1.other", ["c"]),
        ("parts.*.text", ["a", "b"]),
        ("parts.3", []),
        ("parts.-4", []),
        ("parts.text", []),
        ("text.0", []),
        ("0", ["a key, not a place"]),
        ("empty.list.*", []),
        ("nowhere.at.all", []),
    ],
)
def test_a_path_leads_to_values(path: str, found: list[object]) -> None:
    assert list(look_up(DOCUMENT, path)) == found


def test_null_false_and_what_is_empty_say_nothing() -> None:
    nothing: list[object] = [None, False, "", [], {}]
    something: list[object] = [0, 0.0, True, " ", [None], {"a": None}]

    assert not any(map(is_there, nothing))
    assert all(map(is_there, something))


def test_texts_of_a_list_are_joined_and_the_first_path_with_one_counts() -> None:
    assert text_at(DOCUMENT, "parts.*.text") == "ab"
    assert text_at(DOCUMENT, ("empty.text", "nowhere", "text")) == "hello"
    assert text_at(DOCUMENT, ("empty.none", "empty.list")) is None
    assert text_at(DOCUMENT, None) is None


def test_numbers_at_several_places_are_added() -> None:
    assert number_at(DOCUMENT, "parts.*.n") == 3
    assert number_at(DOCUMENT, ("parts.0.n", "parts.1.n", "nowhere")) == 3
    assert number_at(DOCUMENT, "zero") == 0
    assert number_at(DOCUMENT, ("text", "nowhere")) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.4k", 2400), ("1,234", 1234), ("$0.0060", 0.006), (" 3M ", 3e6), (".5", 0.5), ("7", 7)],
)
def test_a_number_may_stand_in_a_text(text: str, number: float) -> None:
    assert number_at({"n": text}, "n") == pytest.approx(number)


@pytest.mark.parametrize(
    "nothing", ["", "-1", "1e9", "2.4 GB", "nan", "k", True, -1, float("nan"), 10**400, [1]]
)
def test_what_counts_nothing_is_no_number(nothing: object) -> None:
    assert number_at({"n": nothing}, "n") is None


def test_a_template_needs_all_of_its_values() -> None:
    assert fill_in("runs {text} of {parts.0.n}", DOCUMENT) == "runs hello of 1"
    assert fill_in("runs {text} of {nowhere}", DOCUMENT) is None
    assert fill_in("thinks", DOCUMENT) == "thinks"


@given(document=values, path=paths)
def test_no_value_and_no_path_make_it_raise(document: object, path: str) -> None:
    text = text_at(document, path)
    assert text is None or "\0" not in text
    assert (number_at(document, path) or 0) >= 0
    assert isinstance(fill_in(f"x {{{path}}}", document), str | None)


@given(values)
def test_what_is_no_text_is_given_as_json(value: object) -> None:
    if not isinstance(value, str):
        assert json.dumps(json.loads(as_text(value)), sort_keys=True) == json.dumps(value, sort_keys=True)


def test_a_hostile_list_is_not_followed_for_ever() -> None:
    wide = [[0] * 1000] * 1000

    assert len(list(look_up(wide, "*.*"))) == MOST
