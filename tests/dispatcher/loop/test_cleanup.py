"""What is left of runs on the disk when the database has their results."""

import signal

import pytest

from tests.fixtures.dispatchers import Site


def entries(site: Site) -> set[str]:
    """Return every path below the work directory, with D for the directory of the database."""
    runs = site.workspace(1).parent
    return {
        str(path.relative_to(site.work_dir)).replace(runs.name, "D", 1) for path in site.work_dir.rglob("*")
    }


OWN = {".id", "D", "D/.lock", "D/trash"}
"""What exists before the first run."""


def test_a_dispatcher_that_ends_leaves_nothing_of_runs_whose_results_are_stored(site: Site) -> None:
    site.submit_many([{"tool": "sh", "prompt": "echo done; echo secret >file"}] * 20)

    site.run()

    assert entries(site) == OWN


@pytest.mark.parametrize("signals", [1, 2])
def test_a_dispatcher_that_is_told_to_end_leaves_nothing_of_runs_that_have_ended(
    site: Site, signals: int
) -> None:
    gate = site.gate()
    ended, running = site.submit("echo done"), site.submit(f"echo begun; {gate.pass_through}")
    dispatcher = site.start()
    site.wait_for("succeeded", ended)
    site.wait_for("running", running)

    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait_for("draining")
    if signals == 2:
        dispatcher.signal(signal.SIGTERM)
    else:
        gate.open()

    assert dispatcher.wait() == 0, dispatcher.story()
    assert entries(site) == OWN
