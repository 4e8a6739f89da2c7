"""A slow line to the database slows things down, and stops nothing.

The line is so slow that a large value could never pass in one statement.
"""

from dispatcher.loop.assembly import STATEMENT_TIMEOUT
from tests.fixtures.dispatchers import PATIENCE, Dispatcher, Site
from tests.fixtures.proxy import Proxy, start_over

RATE = 64 * 2**10
TOO_LARGE = int(RATE * STATEMENT_TIMEOUT * 1.05)
"""Bytes that take longer than a statement may."""


def start_slow(site: Site, line: Proxy) -> Dispatcher:
    dispatcher = start_over(site, line)
    line.throttle(RATE)
    return dispatcher


def activity(site: Site, number: int) -> str:
    [shown] = site.sql("SELECT show_task(%s) ->> 'activity' AS activity", str(number))
    return str(shown["activity"])


def text(size: int) -> str:
    return "".join(f"line {n}\n" for n in range(size // 6))[:size]


def test_a_large_input_file_arrives_over_a_slow_line_and_the_task_says_how_far_it_is(
    site: Site, line: Proxy
) -> None:
    dispatcher = start_slow(site, line)
    files = [{"path": "data.csv", "content": text(TOO_LARGE)}, {"path": "small", "content": "x"}]

    number = site.submit("cat small; wc -c <data.csv", input_files=files)

    size = round(TOO_LARGE / 1e6, 1)
    site.wait_until(lambda: activity(site, number).startswith("fetching data.csv: 0."))
    assert activity(site, number).endswith(f" of {size} MB")
    site.wait_for("succeeded", number, within=2 * PATIENCE)
    assert site.task(number)["result"]["text"] == f"x{TOO_LARGE}"
    assert activity(site, number) == "None"
    assert not dispatcher.log("the database is away")


def test_a_large_prompt_arrives_over_a_slow_line_and_stops_no_other_task(site: Site, line: Proxy) -> None:
    start_slow(site, line)
    large, small = site.submit_many(
        [{"tool": "cat", "prompt": text(TOO_LARGE)}, {"tool": "sh", "prompt": "echo overtakes"}]
    )

    site.wait_for("succeeded", small)

    assert site.task(large)["status"] == "leased"
    site.wait_until(lambda: activity(site, large).startswith("fetching the prompt: 0."))
    site.cancel(large)
    site.wait_for("canceled", large)
    assert site.runs(large)[0]["started_at"] is None


def test_a_large_output_file_arrives_over_a_slow_line_whole_or_not_at_all(site: Site, line: Proxy) -> None:
    start_slow(site, line)
    gate = site.gate()
    number = site.submit(
        f"{gate.pass_through}; head -c {TOO_LARGE} /dev/urandom >report.md; sha256sum report.md; echo b >b",
        output_files=["report.md", "b"],
    )
    site.wait_for("running", number)

    gate.open()

    site.wait_until(lambda: activity(site, number).startswith("storing report.md: 0."))
    assert site.sql("SELECT path FROM list_files(%s)", str(number)) == []
    site.wait_for("succeeded", number, within=2 * PATIENCE)
    [kept] = site.sql("SELECT sha256(content), sha256, mode FROM read_file(%s, 'report.md')", str(number))
    digest = site.task(number)["result"]["text"].split()[0]
    assert (bytes(kept["sha256"]).hex() if isinstance(kept["sha256"], bytes) else kept["sha256"]) == digest
    assert site.sql("SELECT path FROM list_files(%s)", str(number)) == [{"path": "b"}, {"path": "report.md"}]
    assert site.sql("SELECT * FROM run_pieces") == []


def test_a_cancel_ends_a_task_whose_output_file_is_on_its_way(site: Site, line: Proxy) -> None:
    start_slow(site, line)
    number = site.submit(
        "head -c 15000000 /dev/zero | tr '\\0' x >report.md; echo done", output_files=["report.md"]
    )
    site.wait_until(lambda: activity(site, number).startswith("storing report.md: 0."))

    site.cancel(number)

    site.wait_for("canceled", number)
    assert site.sql("SELECT path FROM list_files(%s)", str(number)) == []
    assert site.sql("SELECT * FROM run_pieces") == []


def test_a_large_answer_arrives_over_a_slow_line(site: Site, line: Proxy) -> None:
    site.configure("execution", max_log_bytes=80_000)
    start_slow(site, line)

    number = site.submit(f"yes 0123456789 | head -c {TOO_LARGE}")

    site.wait_for("succeeded", number, within=2 * PATIENCE)
    answer = ("0123456789\n" * TOO_LARGE)[:TOO_LARGE].strip()
    assert site.task(number)["result"]["text"] == answer
    assert site.runs(number)[0]["final_text"] == answer
    assert site.sql("SELECT * FROM run_pieces") == []


def test_all_that_an_agent_printed_arrives_over_a_slow_line(site: Site, line: Proxy) -> None:
    start_slow(site, line)

    size = int(TOO_LARGE * 0.8)  # it travels as base64
    number = site.submit(f"yes 0123456789 | head -c {size} >&2; echo done")

    site.wait_for("succeeded", number, within=2 * PATIENCE)
    assert site.runs(number)[0]["stderr_stored"] == size


def test_many_ends_at_once_are_told_over_a_slow_line(site: Site, line: Proxy) -> None:
    """Together they are too large for one statement."""
    site.configure("groups", sh={"max_concurrent": 8})
    gate = site.gate()
    printed = 50_000
    numbers = site.submit_many(
        [{"tool": "sh", "prompt": f"{gate.pass_through}; yes | head -c {printed}"}] * 7
    )
    start_slow(site, line)
    site.wait_for("running", *numbers)

    gate.open()

    site.wait_for("succeeded", *numbers, within=2 * PATIENCE)
    assert {site.runs(number)[0]["stdout_stored"] for number in numbers} == {printed}


def test_a_cancel_that_comes_while_adopted_runs_are_on_their_way_is_obeyed(site: Site, line: Proxy) -> None:
    """It is heard before its run is known, and no heartbeat repeats it in time."""
    site.configure("groups", sh={"max_concurrent": 30})
    site.configure("dispatcher", heartbeat_interval=300, lease_interval=600)
    gate = site.gate()
    long_list = [f"{n}-{'x' * 200}" for n in range(60)]
    first, *_ = numbers = site.submit_many(
        [{"tool": "sh", "prompt": gate.pass_through, "output_files": long_list}] * 30
    )
    former = start_over(site, line)
    site.wait_for("running", *numbers)
    [holder] = site.sql("SELECT leased_by FROM tasks WHERE number = %s", first)
    former.kill()
    line.throttle(RATE)
    start_over(site, line)
    site.wait_until(lambda: site.sql("SELECT leased_by FROM tasks WHERE number = %s", first) != [holder])

    site.cancel(first)

    site.wait_for("canceled", first)
