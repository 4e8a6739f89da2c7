"""Processes of a run are found by its mark and in its control group, and no others are killed."""

import os
import signal
import uuid

import pytest

from dispatcher.host import cgroups
from dispatcher.host.survivors import OWNER, RUN, Sweep, kill_left_over, kill_run, signal_group
from tests.dispatcher.host.marked import start_marked
from tests.fixtures.starving import starved


@pytest.fixture
def new_run() -> str:
    """A mark of the test's own: others run at the same time, and kill what has theirs."""
    return str(uuid.uuid4())


def test_processes_of_a_run_are_found_by_its_mark_and_no_others(new_run: str) -> None:
    ours, theirs = (
        start_marked(**{RUN: new_run}),
        start_marked(**{RUN: f"not {new_run}"}, NOTE=f"{RUN}={new_run}"),
    )

    assert kill_run(new_run) == Sweep([new_run], frozenset())

    assert ours.wait() == -9
    assert theirs.poll() is None
    theirs.kill()
    theirs.wait()


def test_a_process_that_dies_late_is_waited_for_and_counted_once(new_run: str) -> None:
    slow = start_marked(**{RUN: new_run})
    killed: list[str] = []
    with starved(slow.pid):
        while (sweep := kill_run(new_run)).alive:
            killed += sweep.killed
        assert slow.poll() == -9
    assert [*killed, *sweep.killed] == [new_run]


def test_without_a_signal_for_groups_only_processes_of_the_run_in_the_group_are_signaled(
    new_run: str,
) -> None:
    """Linux before 6.9 has none for an adopted group, whose number may belong to another group by now."""
    ours, elsewhere = (start_marked(**{RUN: new_run}) for _ in range(2))
    stranger = start_marked(ours.pid)

    signal_group(ours.pid, new_run, signal.SIGTERM)

    assert ours.wait() == -signal.SIGTERM
    for process in (elsewhere, stranger):
        assert process.poll() is None
        process.kill()
        process.wait()


def test_what_is_left_over_is_what_has_our_mark_and_a_run_that_is_over(new_run: str) -> None:
    us, them = f"us {new_run}", f"not {new_run}"
    over = start_marked(**{RUN: "over", OWNER: us})
    active = start_marked(**{RUN: "active", OWNER: us})
    strange = start_marked(**{RUN: "over", OWNER: them})

    assert kill_left_over(us, lambda run_id: run_id != "active").killed == ["over"]

    assert over.wait() == -9
    for process in (active, strange):
        assert process.poll() is None
        process.kill()
        process.wait()


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_a_control_group_is_killed_whole_with_what_is_beneath_it() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    (group / "beneath").mkdir(parents=True)
    process = start_marked()
    hidden = start_marked()
    (group / "cgroup.procs").write_text(str(process.pid))
    (group / "beneath" / "cgroup.procs").write_text(str(hidden.pid))
    assert cgroups.is_populated(group)

    assert cgroups.kill(group, within=10)

    assert (process.wait(), hidden.wait()) == (-9, -9)
    assert not group.exists()
    assert cgroups.kill(group, within=0), "what is gone is empty"


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_control_groups_of_any_number_and_depth_are_removed() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    for depth in range(1010):
        os.makedirs("/".join([str(group), *["a"] * depth]), exist_ok=True)  # noqa: PTH103

    assert cgroups.remove(group)

    assert not group.exists()
