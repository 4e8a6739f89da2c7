"""Lengths of time as people type them: a number without a unit is refused, since nobody knows what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.durations import as_typed, seconds_of


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("30d", 2_592_000),
        ("1h30m", 5400),
        (" 1d2h3m4s ", 93_784),
        ("0", 0),
    ],
)
def test_a_length_of_time_is_a_number_with_a_unit_or_a_sum_of_these(typed: str, seconds: int) -> None:
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("90", "'90' has no unit: write 90s, 90m, 90h or 90d"),
        (
            "1h30",
            "'1h30' is not a length of time: expected a number with a unit, as in 90s, 10m, 2h, 30d or 1h30m",
        ),
        ("", "'' is not a length of time"),
        ("30m1h", "'30m1h' is not a length of time"),
        ("-5", "'-5' is not a length of time"),
        ("1.5h", "'1.5h' is not a length of time"),
        ("4000d", "'4000d' is longer than ten years"),
        ("9" * 4000, "is not a length of time"),
    ],
)
def test_what_is_not_a_length_of_time_is_refused_with_what_to_type(typed: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^'") as refused:
        seconds_of(typed)
    assert complaint in str(refused.value)


@given(st.integers(0, 3650 * 86_400))
def test_what_is_shown_to_be_typed_again_means_the_same(seconds: int) -> None:
    assert seconds_of(as_typed(seconds)) == seconds
