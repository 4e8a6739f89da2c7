"""A database that is away for a while does not end a command that waits."""

import pytest

from cli.database.absence import Absence
from dispatcher.database.embedded.server import StoppedOnPurposeError
from dispatcher.errors import DatabaseError

BROKEN = DatabaseError("cannot connect")
STOPPED = StoppedOnPurposeError()


def test_a_database_that_was_never_there_is_not_waited_for() -> None:
    for error in (BROKEN, STOPPED):
        with pytest.raises(DatabaseError, match=str(error)):
            Absence().bridge(error, most=0)


def test_a_database_that_stays_away_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    patient, impatient = Absence(), Absence(patience=0)
    for absence in (patient, impatient):
        absence.end()
    patient.bridge(BROKEN, most=0)
    assert capsys.readouterr().err == "the database is away, trying again: cannot connect\n"
    with pytest.raises(DatabaseError, match="cannot connect"):
        impatient.bridge(BROKEN, most=0)


def test_a_server_that_was_stopped_on_purpose_is_waited_for_without_end_and_that_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    absence = Absence(patience=0)
    absence.end()
    for _ in range(3):
        absence.bridge(STOPPED, most=0)
    assert capsys.readouterr().err == f"the database is away, trying again: {STOPPED}\n"
    absence.end()
    absence.bridge(STOPPED, most=0)
    assert str(STOPPED) in capsys.readouterr().err
