"""How much goes into one statement is learned from the line, whatever line that is."""

import psycopg
import pytest
import trio
from trio.testing import MockClock

from dispatcher.database.transfers import FIRST_PIECE, LARGEST_PIECE, SMALLEST_PIECE, Pace
from dispatcher.loop.assembly import STATEMENT_TIMEOUT


async def move(pace: Pace, size: int, rate: float) -> bool:
    """Move so many bytes over a line of so many a second; returns whether they arrived in time."""
    try:
        with pace.measured() as moved:
            moved.size = size
            await trio.sleep(min(size / rate, STATEMENT_TIMEOUT))
            if size / rate > STATEMENT_TIMEOUT:
                raise psycopg.errors.QueryCanceled
    except psycopg.errors.QueryCanceled:
        return False
    return True


@pytest.mark.parametrize("rate", [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 1e9])
@pytest.mark.parametrize("first", [SMALLEST_PIECE, FIRST_PIECE, LARGEST_PIECE])
def test_pieces_soon_fit_every_line_and_then_every_one_arrives(rate: float, first: int) -> None:
    async def transfer() -> None:
        pace = Pace()
        pace.size = first
        for _ in range(12):
            await move(pace, pace.size, rate)
        for _ in range(20):
            assert await move(pace, pace.size, rate)
        assert pace.size == LARGEST_PIECE or pace.size / rate > 0.2

    trio.run(transfer, clock=MockClock(autojump_threshold=0))


def test_small_statements_and_a_database_that_is_away_say_nothing_about_the_line() -> None:
    async def transfer() -> None:
        pace = Pace()
        for _ in range(9):
            await move(pace, 1000, 1e9)
            with pytest.raises(psycopg.OperationalError), pace.measured():
                raise psycopg.OperationalError("connection refused")
        assert pace.size == FIRST_PIECE

    trio.run(transfer, clock=MockClock(autojump_threshold=0))
