"""What stays behind a wall, and what passes."""

import pytest
import trio

from dispatcher import wall
from dispatcher.errors import SupersededError
from dispatcher.wall import Wall, in_a_sentence, persist


def test_an_error_stays_behind_the_wall_and_is_known_afterwards() -> None:
    with Wall("a test") as held:
        raise ValueError("wrong")

    assert isinstance(held.error, ValueError)


def test_without_an_error_there_is_none() -> None:
    with Wall("a test") as held:
        pass

    assert held.error is None


@pytest.mark.parametrize("meant_for_all", [SupersededError("closed"), KeyboardInterrupt(), SystemExit(3)])
def test_what_is_meant_for_all_passes(meant_for_all: BaseException) -> None:
    with pytest.raises(type(meant_for_all)), Wall("a test"):
        raise meant_for_all


def test_of_a_group_of_errors_only_what_is_meant_for_all_passes() -> None:
    both = ExceptionGroup("", [ExceptionGroup("", [ValueError("wrong")]), SupersededError("closed")])

    with pytest.raises(ExceptionGroup) as passed, Wall("a test") as held:
        raise both

    assert passed.group_contains(SupersededError)
    assert not passed.group_contains(ValueError)
    assert held.error is not None
    assert in_a_sentence(held.error) == "ValueError: wrong"


def test_cancellation_passes() -> None:
    async def cancelled() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            with Wall("a test") as held:
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert held.error is None

    trio.run(cancelled)


def test_the_sentence_of_an_error_is_one_short_line() -> None:
    assert in_a_sentence(ValueError("two\nlines " + "x" * 10_000)).startswith("ValueError: two lines xxx")
    assert len(in_a_sentence(ValueError("x" * 10_000))) < 400
    assert in_a_sentence(ValueError()) == "ValueError"


def test_what_fails_begins_again_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wall, "SHORTEST_PAUSE", 0.001)
    left = [ValueError("first"), OSError("second")]

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    assert trio.run(persist, "a test", call) == "done"
