"""A task's way through a real dispatcher: answers, files, retries, refusals."""

import pytest

from tests.fixtures.dispatchers import Site


def test_an_agent_s_answer_becomes_the_task_s_result(site: Site) -> None:
    number = site.submit("what goes in comes out", tool="cat")

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert task["status"] == "succeeded"
    assert task["result"]["text"] == "what goes in comes out"
    assert (run["status"], run["exit_code"], run["stdout_trunc"]) == (
        "succeeded",
        0,
        "what goes in comes out",
    )
    assert run["started_at"] <= run["finished_at"]
