"""Two dispatchers with a work directory each: a reply runs where its session is, or says why it waits."""

import pytest

from tests.fixtures.dispatchers import Site


@pytest.fixture
def site(site: Site) -> Site:
    tool = {"argv": ["sh", "{prompt_file}"], "output": "jsonl", "answer": "answer", "session": "session"}
    site.configure("tools", talker=tool)
    site.configure(
        "groups", talker={"tool": "talker", "max_concurrent": 4, "env": {"SITE": str(site.directory)}}
    )
    return site


def test_replies_run_where_their_sessions_are_and_wait_while_that_dispatcher_is_away(site: Site) -> None:
    first = site.start("--host-id", "left")
    first.wait_for("dispatcher started")
    number = site.submit(
        """echo '{"session": "s-1"}'; touch kept; echo '{"answer": "done"}'""", tool="talker"
    )
    site.wait_for("succeeded", number)
    site.configure("execution", work_dir=str(site.directory / "other work"))
    second = site.start("--host-id", "right", config="other.yaml")
    second.wait_for("dispatcher started")

    prompt = """echo '{"session": "s-1"}'; test -e kept && echo '{"answer": "went on"}'"""
    reply = number
    for _ in range(4):
        told = site.llmctl("reply", str(reply), prompt, "-q")
        assert (told.returncode, told.stderr) == (0, "")
        reply = int(told.stdout)
        site.wait_for("succeeded", reply)
        assert [run["host"] for run in site.runs(reply)] == ["left"]
        assert site.task(reply)["result"]["text"] == "went on"

    first.kill()
    first.wait()
    site.sql("UPDATE dispatchers SET lease_expires_at = now() WHERE host = 'left'")
    told = site.llmctl("reply", str(reply), prompt, "-q")
    waits = int(told.stdout)
    sentence = "waits for the dispatcher of host left with work directory"
    assert f"task {waits} {sentence}" in told.stderr
    site.wait_until(lambda: site.task(waits)["wait_reason"] == "retry")
    assert sentence in site.llmctl("show", str(waits)).stdout
    site.wait_for("succeeded", site.submit('echo \'{"answer": "x"}\'', tool="talker"))
    assert site.runs(waits) == []

    site.configure("execution", work_dir=str(site.directory / "work"))
    third = site.start("--host-id", "left", config="again.yaml")
    site.wait_for("succeeded", waits)
    assert third.log("run started")
    assert [run["host"] for run in site.runs(waits)] == ["left"]
