"""The last lines of a text."""

from hypothesis import given
from hypothesis import strategies as st

from cli.show.tail import Tail


@given(
    st.lists(st.binary(max_size=8).map(lambda raw: raw.replace(b"\r", b"\n")), max_size=8), st.integers(0, 5)
)
def test_the_tail_is_the_last_lines(pieces: list[bytes], most: int) -> None:
    tail = Tail(most)
    for piece in pieces:
        tail.feed(piece)
    lines = b"".join(pieces).split(b"\n")
    whole = [*(line + b"\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
    assert b"".join(tail.lines()) == b"".join(whole[len(whole) - min(most, len(whole)) :])
