"""No secret is left in what is stored, wherever the stream was cut."""

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.run.output.masking import Masking

texts = st.binary(max_size=40).map(lambda raw: bytes(b"abc"[byte % 3] for byte in raw))
secrets = st.lists(st.text("abc", min_size=1, max_size=6), max_size=4)


def masked_in_pieces(masking: Masking, pieces: list[bytes]) -> bytes:
    out, left = b"", b""
    for piece in pieces:
        left += piece
        masked, length = masking.beginning(left, final=False)
        out, left = out + masked, left[length:]
    masked, length = masking.beginning(left, final=True)
    assert length == len(left)
    return out + masked


@given(secrets, st.lists(texts, max_size=8))
def test_a_stream_is_masked_alike_in_whatever_pieces_it_comes(known: list[str], pieces: list[bytes]) -> None:
    masking = Masking(known)
    whole = b"".join(pieces)
    assert masked_in_pieces(masking, pieces) == masking.beginning(whole, final=True)[0]
    assert b"".join(masking.stream(pieces)) == masking.beginning(whole, final=True)[0]


@given(secrets, st.lists(texts, max_size=8))
def test_no_secret_is_left_whole(known: list[str], pieces: list[bytes]) -> None:
    masked = masked_in_pieces(Masking(known), pieces)
    for between in masked.split(b"***"):
        assert not any(secret.encode() in between for secret in known)


@given(secrets, texts)
def test_what_is_held_back_is_shorter_than_the_longest_secret(known: list[str], raw: bytes) -> None:
    masking = Masking(known)
    _, length = masking.beginning(raw, final=False)
    assert len(raw) - length < max(1, masking.longest)


@given(secrets, texts, texts)
def test_the_end_of_a_text_shows_no_end_of_a_secret(known: list[str], before: bytes, after: bytes) -> None:
    """A reader of the end reads a little more than it keeps; what it keeps is masked as in the whole stream."""
    masking = Masking(known)
    end = masking.end(before + after, len(before))
    assert masking.beginning(before + after, final=True)[0].endswith(end.removeprefix(b"***"))


def test_ordinary_output_is_not_held_back() -> None:
    assert Masking(["sk-secret"]).beginning(b"tests passed", final=False) == (b"tests passed", 12)


def test_the_beginning_of_a_secret_waits_for_what_follows() -> None:
    masking = Masking(["sk-secret"])
    assert masking.beginning(b"key: sk-sec", final=False) == (b"key: ", 5)
    assert masking.beginning(b"sk-secret!", final=False) == (b"***!", 10)


def test_a_secret_is_masked_as_json_writes_it_too() -> None:
    masking = Masking(['pass"word\\ü'])
    text = r'{"a": "pass\"word\\\u00fc", "b": "pass\"word\\ü"}'
    assert masking.text(text) == '{"a": "***", "b": "***"}'


def test_a_secret_that_was_clipped_is_masked_but_an_ordinary_word_is_not() -> None:
    masking = Masking(["sk-secret-of-mine"])
    assert masking.text("runs export KEY=sk-secret-o… (1 of 2)") == "runs export KEY=***… (1 of 2)"
    assert masking.text("runs all tests…") == "runs all tests…"


def test_without_secrets_all_passes() -> None:
    assert Masking([]).text("as it is…") == "as it is…"
    assert Masking([""]).beginning(b"as it is", final=False) == (b"as it is", 8)
