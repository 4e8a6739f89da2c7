"""What the bytes of a terminal mean."""

from hypothesis import given
from hypothesis import strategies as st

from cli.live.keys import Keys


def keys(*read: bytes) -> list[str]:
    """The keys of what comes in these pieces, after which nothing follows."""
    told = Keys()
    return [key for piece in read for key in told.feed(piece)] + told.end()


def test_keys_have_names() -> None:
    assert keys(b"j\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~\r \x7f") == [
        *("j", "up", "down", "page up", "page down", "home", "end", "enter", "space", "backspace"),
    ]  # fmt: skip


def test_escape_is_a_key_only_if_nothing_follows() -> None:
    told = Keys()
    assert told.feed(b"\x1b") == []
    assert told.incomplete
    assert told.end() == ["escape"]
    assert not told.incomplete
    assert told.feed(b"\x1b") == []
    assert told.feed(b"[A") == ["up"]


def test_characters_of_several_bytes_are_one_key() -> None:
    assert keys("ü".encode()[:1], "ü".encode()[1:]) == ["ü"]


def test_what_is_pasted_is_one_key_wherever_it_is_cut() -> None:
    pasted = b"\x1b[200~cy\nq \x1b[2J\x1b[201~j"
    for cut in range(len(pasted)):
        assert keys(pasted[:cut], pasted[cut:]) == ["pasted cyq [2J", "j"]
    told = Keys()
    assert told.feed(pasted[:9]) == []
    assert not told.incomplete, "the rest may take any time"


def test_unknown_sequences_are_no_letters() -> None:
    assert keys(b"\x1b[1;5C\x1b[24~\x1b[<0;10;10M") == []


@given(st.binary(max_size=40), st.integers(0, 40))
def test_it_does_not_matter_where_the_bytes_are_cut(read: bytes, cut: int) -> None:
    assert keys(read[:cut], read[cut:]) == keys(read)
