"""Pauses between attempts grow, and start again after success."""

from dispatcher.backoff import Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 10)
    assert [backoff.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_pauses_start_again_after_a_reset() -> None:
    backoff = Backoff(1, 60)
    backoff.next()
    backoff.reset()
    assert [backoff.pause, backoff.next(), backoff.next()] == [1, 1, 2]


def test_an_attempt_that_lasted_longer_than_the_longest_pause_is_no_failure() -> None:
    backoff = Backoff(1, 60)
    assert [backoff.next(), backoff.next(lasted=60), backoff.next(lasted=61), backoff.next()] == [1, 2, 1, 2]
