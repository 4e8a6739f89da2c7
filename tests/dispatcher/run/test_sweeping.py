"""A run record cannot make the dispatcher kill or change anything of somebody else."""

import os
from pathlib import Path

import pytest
import trio

from dispatcher.host import cgroups
from dispatcher.run.sweeping import Sweeper
from tests.dispatcher.host.marked import start_marked


@pytest.mark.skipif(cgroups.parent_of_runs() is None, reason="no control group can be made here")
def test_a_run_record_that_lies_about_the_control_group_makes_nobody_else_a_victim() -> None:
    parent = cgroups.parent_of_runs()
    assert parent is not None
    group = parent / f"llmctl-test-{os.getpid()}"
    group.mkdir()
    bystander = start_marked()
    (group / "cgroup.procs").write_text(str(bystander.pid))
    sweeper = Sweeper("us", parent)
    sweeper.begin("run")

    sweeper.adopt_group("run", str(group))
    trio.run(sweeper.kill, "run")

    assert bystander.poll() is None
    assert cgroups.kill(group, within=10)
    bystander.wait()


@pytest.mark.parametrize("way", ["a link", "a directory", "up and down again"])
def test_a_run_record_does_not_make_us_write_into_anything_but_a_control_group(
    tmp_path: Path, way: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("untouched")
    group = tmp_path / "llmctl-us-run"
    group.mkdir()
    (group / "cgroup.events").write_text("populated 1\n")
    (group / "cgroup.kill").symlink_to(precious)
    told = {
        "a link": tmp_path / "elsewhere" / "llmctl-us-run",
        "a directory": group,
        "up and down again": Path(f"/sys/fs/cgroup/../../..{group}"),
    }
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    sweeper = Sweeper("us", None)
    sweeper.begin("run")

    sweeper.adopt_group("run", str(told[way]))
    trio.run(sweeper.kill, "run")

    assert precious.read_text() == "untouched"
    assert group.exists()
