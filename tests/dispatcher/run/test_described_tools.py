"""What a tool that config.yaml describes gets: a pipe, its prompt as an argument, a directory for its report."""

import sys

import pytest

from tests.fixtures.dispatchers import Site

LONG = "x" * 1_000_000
NO_PROOF = {"proof": "none"}


@pytest.fixture(params=["shim", "shell"])
def started_by(site: Site, request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings of a task whose agent is started by the shim, and of one whose agent is started by a shell."""
    if request.param == "shim":
        return {}
    chosen = site.directory / "chosen"
    chosen.mkdir()
    site.configure("security", allowed_roots=[str(chosen)])
    return {"workdir": str(chosen)}


def add_tool(site: Site, script: str, *arguments: str, **settings: object) -> None:
    """Add the tool `described`, a program in Python, with a group."""
    described = {"argv": [sys.executable, "-c", script, *arguments], **NO_PROOF, **settings}
    site.configure("tools", described=described)
    site.configure(
        "groups", described={"tool": "described", "max_concurrent": 4, "env": {"SITE": str(site.directory)}}
    )


def test_a_prompt_of_any_size_comes_out_of_a_pipe_that_ends(
    site: Site, started_by: dict[str, object]
) -> None:
    script = (
        "import os, stat; print(stat.S_ISFIFO(os.fstat(0).st_mode), len(os.fdopen(0).read()), os.getpid())"
    )
    add_tool(site, script, prompt="pipe")
    short = site.submit("said", tool="described", **started_by)
    long = site.submit(LONG, tool="described", **started_by)

    site.run()

    for number, size in ((short, 4), (long, len(LONG))):
        *answer, pid = str(site.task(number)["result"]["text"]).split()
        assert answer == ["True", str(size)]
        if not started_by:
            assert site.runs(number)[0]["pid"] == int(pid), "the shell becomes the agent"


def test_an_agent_that_leads_nobody_has_no_child_for_its_pipe(site: Site) -> None:
    """Otherwise one that waits for all of its children would wait for one that it has not started."""
    script = """import os
os.read(0, 1)
try:
    print(os.wait())
except ChildProcessError:
    print("no child")
"""
    add_tool(site, script, prompt="pipe")
    number = site.submit(LONG, tool="described")

    site.run()

    assert site.task(number)["result"]["text"] == "no child"


@pytest.mark.parametrize("script", ["print('never read')", "import os; os.close(0); print('closed')"])
def test_an_agent_that_does_not_read_its_pipe_ends_and_leaves_nothing(
    site: Site, started_by: dict[str, object], script: str
) -> None:
    add_tool(site, script, prompt="pipe")
    number = site.submit(LONG, tool="described", **started_by)

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert (task["status"], run["exit_code"]) == ("succeeded", 0)
    assert site.agents() == []


def test_the_exit_code_of_an_agent_with_a_pipe_is_its_own(site: Site, started_by: dict[str, object]) -> None:
    add_tool(site, "import sys; sys.exit(7)", prompt="pipe")
    number = site.submit(LONG, tool="described", max_attempts=1, **started_by)

    site.run()

    assert site.runs(number)[0]["exit_code"] == 7


def test_an_agent_that_never_reads_its_pipe_is_canceled_with_what_feeds_it(
    site: Site, started_by: dict[str, object]
) -> None:
    script = "import time; print('begun', flush=True); time.sleep(600)"
    add_tool(site, script, prompt="pipe")
    number = site.submit(LONG, tool="described", **started_by)
    site.start()
    site.wait_for("running", number)

    site.cancel(number)
    site.wait_for("canceled", number)

    assert site.agents() == []


def test_a_pipe_is_fed_while_no_dispatcher_is_there(site: Site, started_by: dict[str, object]) -> None:
    gate = site.gate("gate")
    script = (
        f"import os, subprocess; subprocess.run({gate.pass_through.split()}); print(len(os.fdopen(0).read()))"
    )
    add_tool(site, script, prompt="pipe")
    number = site.submit(LONG, tool="described", **started_by)
    dispatcher = site.start()
    dispatcher.wait_for("run started")
    dispatcher.kill()
    gate.open()

    site.run()

    task = site.task(number)
    assert (task["status"], task["run_no"], task["result"]["text"]) == ("succeeded", 1, str(len(LONG)))


def test_a_program_with_a_pipe_that_cannot_be_executed_is_named(site: Site) -> None:
    program = site.directory / "program"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o755)
    site.configure("tools", described={"argv": [str(program)], "prompt": "pipe", **NO_PROOF})
    site.configure("groups", described={"tool": "described"})
    site.submit("said", tool="described")

    site.start()
    site.wait_until(lambda: site.sql("SELECT FROM list_groups() WHERE state = 'paused'"))

    [group] = site.sql("SELECT reason FROM list_groups() WHERE group_name = 'described'")
    assert str(program) in group["reason"]


ARGUMENT = "import sys; print(len(sys.argv[1]), repr(sys.argv[1][:5]))"


@pytest.mark.parametrize("prompt", ["a\nb", "x" * 60_000, "é" * 60_000])
def test_a_prompt_reaches_its_tool_as_an_argument_also_one_that_is_read_in_pieces(
    site: Site, started_by: dict[str, object], prompt: str
) -> None:
    add_tool(site, ARGUMENT, "{prompt}", prompt="argument")
    number = site.submit(prompt, tool="described", **started_by)

    dispatcher = site.run()

    assert site.task(number)["result"]["text"] == f"{len(prompt)} {prompt[:5]!r}"
    assert prompt[:100] not in dispatcher.story()


def test_a_prompt_that_looks_like_an_option_is_none(site: Site) -> None:
    add_tool(site, ARGUMENT, "{prompt}", prompt="argument")
    number = site.submit("--yolo", tool="described")

    site.run()

    assert site.task(number)["result"]["text"] == r"7 '\n--yo'"


def test_a_prompt_that_no_argument_holds_is_refused_before_the_start(site: Site) -> None:
    add_tool(site, ARGUMENT, "{prompt}", prompt="argument")
    number = site.submit("x" * 130_000, tool="described")

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"], task["attempt"]) == ("failed", "invalid_request", 1)
    assert str(task["error_message"]).startswith("the prompt has 130,000 bytes, and described takes at most")


REPORTING = {
    "argv": [sys.executable, "{prompt_file}", "{report_directory}"],
    "output": "jsonl",
    "events": [{"error": "failed"}],
    "report": {"file": "report.json", "events": [{"answer": "answer", "denied": "{denied}"}]},
}
REPORT = "import json, os, sys; os.chdir(sys.argv[1]); assert os.listdir('.') == []"


def reporting(site: Site) -> None:
    site.configure("tools", reporting=REPORTING)
    site.configure(
        "groups",
        reporting={"tool": "reporting", "env": {"SITE": str(site.directory), "MY_KEY": "env:MY_KEY"}},
    )


def test_what_a_tool_reports_in_its_file_counts_and_is_masked(site: Site) -> None:
    reporting(site)
    script = f"{REPORT}\njson.dump({{'answer': 'with ' + os.environ['MY_KEY']}}, open('report.json', 'w'))"
    number = site.submit(script, tool="reporting", max_attempts=1)

    site.run(env={"MY_KEY": "sk-0123456789abcdef"})

    task = site.task(number)
    assert (task["status"], task["result"]["text"]) == ("succeeded", "with ***")
    assert list(site.work_dir.glob("*/*-*")) == []


def test_the_report_of_a_run_that_another_dispatcher_started_counts_too(site: Site) -> None:
    reporting(site)
    gate = site.gate("gate")
    script = (
        f"{REPORT}\nimport subprocess; subprocess.run({gate.pass_through.split()})\n"
        "json.dump({'answer': 'late'}, open('report.json', 'w'))"
    )
    number = site.submit(script, tool="reporting", max_attempts=1)
    dispatcher = site.start(env={"MY_KEY": "sk-0123456789abcdef"})
    dispatcher.wait_for("run started")
    dispatcher.kill()
    gate.open()

    site.run(env={"MY_KEY": "sk-0123456789abcdef"})

    assert (site.task(number)["run_no"], site.task(number)["result"]["text"]) == (1, "late")


@pytest.mark.parametrize(
    "leave",
    [
        "pass",
        "os.symlink(os.environ['SITE'] + '/other.json', 'report.json')",
        "os.link(os.environ['SITE'] + '/other.json', 'report.json')",
        "os.mkfifo('report.json')",
        "os.mkdir('report.json')",
        "open('report.json', 'w').write(open(os.environ['SITE'] + '/other.json').read() + ' ' * 2**24)",
        "os.rmdir('../report'); os.symlink(os.environ['SITE'], '../report')",
    ],
)
def test_what_is_no_report_of_the_run_itself_does_not_count(site: Site, leave: str) -> None:
    reporting(site)
    for name in ("other.json", "report.json"):
        (site.directory / name).write_text('{"answer": "of somebody else"}')
    number = site.submit(f"{REPORT}\n{leave}", tool="reporting", max_attempts=1)

    site.run(env={"MY_KEY": "sk-0123456789abcdef"})

    assert site.task(number)["error_class"] == "empty_result", site.task(number)["error_message"]


def test_a_profile_that_a_tool_cannot_keep_to_is_refused_with_those_that_it_can(site: Site) -> None:
    profiles = {"permission": {"edit": ["--edit"], "full": ["--full"]}}
    site.configure("tools", careless={"argv": ["echo", profiles], **NO_PROOF})
    site.configure("groups", careless={"tool": "careless"})
    refused = site.submit("said", tool="careless", permission="read")
    taken = site.submit("said", tool="careless", permission="edit")

    site.run()

    task = site.task(refused)
    assert (task["status"], task["error_class"], task["attempt"]) == ("failed", "invalid_request", 1)
    assert task["error_message"] == (
        "careless cannot keep to the profile read: submit with --permission edit or --permission full"
    )
    assert site.task(taken)["result"]["text"] == "--edit"


def test_a_tool_without_the_usual_profile_is_served(site: Site) -> None:
    site.configure("tools", careless={"argv": ["echo", {"permission": {"full": ["--full"]}}], **NO_PROOF})
    site.configure("groups", careless={"tool": "careless"})
    site.configure("security", allow_dangerous_flags=True)
    number = site.submit("said", tool="careless", permission="full")

    site.run()

    assert site.task(number)["result"]["text"] == "--full"


def test_a_tool_that_waits_silently_is_stopped_after_its_own_time(site: Site) -> None:
    add_tool(site, "import time; time.sleep(600)", stall_timeout=0.5)
    number = site.submit("said", tool="described", max_attempts=1)

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", "stalled")
    assert "printed nothing for 0.5 seconds, which is the stall timeout of described" in task["error_message"]
    assert "--stall-timeout" in task["error_message"]


def test_a_task_has_its_own_stall_timeout_whatever_its_tool_has(site: Site) -> None:
    gate = site.gate("gate")
    script = f"import subprocess; subprocess.run({gate.pass_through.split()}); print('at last')"
    add_tool(site, script, stall_timeout=0.2)
    number = site.submit("said", tool="described", stall_timeout_s=600, max_attempts=1)
    other = site.submit("said", tool="described", max_attempts=1)
    dispatcher = site.start()
    site.wait_for("failed", other)
    gate.open()
    site.wait_for("succeeded", number)

    assert dispatcher.log("stopping run", task=number) == []
