"""What tasks hand over to others arrives whole, from another host too, whoever is killed meanwhile."""

import hashlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg

from tests.fixtures.dispatchers import PATIENCE, Dispatcher, Site
from tests.fixtures.proxy import proxy

SIZE = 20 * 2**20
RATE = 8 * 2**20
"""Bytes a second, so that the file is on its way long enough to stop it there."""


def activity(site: Site, number: int) -> str:
    [shown] = site.sql("SELECT show_task(%s) ->> 'activity' AS activity", str(number))
    return str(shown["activity"])


def start_on(site: Site, host: str, group: str, url: str | None = None) -> Dispatcher:
    """Start a dispatcher with a home and a work directory of its own, as on a host of that name."""
    site.config["dispatcher"] = {"host": host, "groups": [group]}
    site.config["execution"]["work_dir"] = str(site.directory / f"work-{host}")
    home = {"LLMCTL_HOME": str(site.directory / f"home-{host}")}
    dispatcher = site.start(config=f"{host}.yaml", env=home, url=url)
    dispatcher.wait_for("dispatcher started")
    return dispatcher


def test_agents_hand_results_and_files_on_to_a_join(site: Site) -> None:
    tasks: list[dict[str, object]] = [
        {"step": "plan", "prompt": "echo the plan | tee plan.md", "output_files": ["plan.md"]},
        {"step": "left", "prompt": "cat plan.md; echo left >half",
         "input_from": [{"task": "plan", "path": "plan.md"}], "output_files": ["half"]},
        {"step": "right", "prompt": "echo right >half; echo right", "after": ["plan"], "output_files": ["half"]},
        {"tool": "cat", "prompt": "{{result:left}}{{file:left:half}}{{file:right:half}}", "after": ["left", "right"]},
    ]  # fmt: skip
    numbers = site.submit_many([{"tool": "sh", **task} for task in tasks])

    site.run()

    site.wait_for("succeeded", *numbers)
    said = site.task(numbers[-1])["result"]["text"]
    _, left, right, _ = numbers
    assert re.findall(r"<<<[0-9a-f]{16} (.*)\n([^<]*)\n[0-9a-f]{16}>>>", said) == [
        (f"result of task {left}", "the plan"),
        (f"half of task {left}", "left\n"),
        (f"half of task {right}", "right\n"),
    ]


def test_a_large_file_of_another_host_arrives_whole_whoever_is_killed_meanwhile(site: Site) -> None:
    first = site.submit(f"head -c {SIZE} /dev/urandom >big; sha256sum big", output_files=["big"])
    with TemporaryDirectory(prefix="llmctl-proxy-") as directory:
        server = psycopg.conninfo.conninfo_to_dict(site.url)["host"]
        with proxy(Path(directory), Path(str(server))) as line:
            sender = start_on(site, "has-it", "sh")
            site.wait_for("succeeded", first)
            digest = site.task(first)["result"]["text"].split()[0]
            sender.kill()

            taker = start_on(site, "wants-it", "python")
            read = "import hashlib; print(hashlib.sha256(open('big', 'rb').read()).hexdigest())"
            number = site.submit(read, tool="python", input_from=[{"task": first, "path": "big"}])
            site.wait_until(lambda: activity(site, number) == "waits for host has-it, which has big")

            line.throttle(RATE)
            user = psycopg.conninfo.conninfo_to_dict(site.url)["user"]
            url = f"postgresql://{user}@/postgres?host={quote(directory, safe='')}"
            sender = start_on(site, "has-it", "sh", url=url)
            site.wait_until(lambda: activity(site, number).startswith("fetching big: "))
            sender.kill()
            site.wait_until(
                lambda: activity(site, number).startswith("waits for host has-it, which has big: ")
            )
            assert activity(site, number).endswith(" of 21.0 MB")

    sent = site.sql("SELECT sent, taken FROM file_requests")
    assert sent[0]["sent"] == sent[0]["taken"] < SIZE
    taker.kill()
    start_on(site, "has-it", "sh")
    start_on(site, "wants-it", "python")
    site.wait_for("succeeded", number, within=2 * PATIENCE)

    assert site.task(number)["result"]["text"].strip() == digest
    assert site.sql("SELECT * FROM file_requests") == site.sql("SELECT * FROM file_pieces") == []
    assert site.sql("SELECT * FROM run_pieces") == []


def test_a_large_file_that_is_gone_or_damaged_fails_the_task_that_needs_it(site: Site) -> None:
    first = site.submit(f"head -c {SIZE} /dev/zero >big; echo done", output_files=["big"])
    holder = start_on(site, "has-it", "sh")
    site.wait_for("succeeded", first)
    [file] = (site.directory / "home-has-it" / "files").glob("*/??/*")
    assert file.name == hashlib.sha256(bytes(SIZE)).hexdigest()
    given = [{"task": first, "path": "big"}]

    with file.open("r+b") as changed:
        changed.write(b"x")
    damaged = site.submit("true", input_from=given)
    site.wait_for("failed", damaged)
    assert site.task(damaged)["error_class"] == "input_missing"
    assert site.task(damaged)["error_message"].startswith("big is damaged")

    file.unlink()
    start_on(site, "wants-it", "python")
    gone = site.submit("pass", tool="python", input_from=given)
    site.wait_for("failed", gone)
    assert site.task(gone)["error_class"] == "input_missing"
    assert site.task(gone)["error_message"].startswith("big is gone from host has-it")
    assert holder.log("a file that another host waits for is gone")
