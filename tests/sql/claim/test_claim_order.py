"""Which task a claim takes (by priority, then fair over tenants, then by age), and which group gets it."""

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.refused import refused


def test_higher_priority_goes_first_and_age_decides_within_it(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    numbers = [db.submit(priority=priority).number for priority in (5, 1, 9, 5, 9)]
    claimed = db.claim(db.dispatcher()).numbers
    assert claimed == [numbers[i] for i in (2, 4, 0, 3, 1)]


def test_tenants_take_turns_however_many_tasks_each_has(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    flood = [task.number for task in db.submit_all([task_of("flood")] * 20)]
    small = [task.number for task in db.submit_all([task_of("small")] * 2)]
    assert db.claim(db.dispatcher(), 5).numbers == [flood[0], small[0], flood[1], small[1], flood[2]]


def test_turns_go_on_from_one_claim_to_the_next(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    db.submit_all([task_of(tenant) for tenant in "aaabbbccc"])
    dispatcher = db.dispatcher()
    served = []
    for _ in range(9):
        [run] = db.claim(dispatcher, 1).runs
        served.append(db.value("select tenant_id from tasks where number = %s", run.number))
    assert served == list("abcabcabc")


def test_a_tenant_back_from_idle_is_served_next_and_then_waits_like_all(db: Client) -> None:
    db.group("main", slots=20)
    db.limit("tool:claude", 20)
    dispatcher = db.dispatcher()
    db.submit_all([task_of(tenant) for tenant in "abb"])
    assert tenants_of(db, db.claim(dispatcher, 3).numbers) == ["a", "b", "b"]
    db.submit_all([task_of(tenant) for tenant in "bbbaa"])
    assert tenants_of(db, db.claim(dispatcher, 5).numbers) == ["a", "b", "a", "b", "b"]


def test_a_tenant_gains_no_turn_by_using_another_priority_or_tool(db: Client) -> None:
    db.group("main", slots=9)
    db.group("codex", tool="codex", slots=9)
    db.limit("tool:claude", 9)
    dispatcher = db.dispatcher()
    db.submit_all([task_of("a"), task_of("a"), task_of("b")])
    assert tenants_of(db, db.claim(dispatcher, 3).numbers) == ["a", "b", "a"]
    db.submit_all([task_of("a", tool="codex", priority=7), task_of("b", priority=7)])
    assert tenants_of(db, db.claim(dispatcher, 2).numbers) == ["b", "a"]


def test_age_counts_across_the_queues_models_and_tools_of_a_tenant(db: Client) -> None:
    db.group("main", slots=9)
    db.group("codex", tool="codex", slots=9)
    db.limit("tool:claude", 9)
    kinds: list[dict[str, object]] = [
        {"queue": "night"}, {"tool": "codex"}, {"model": "opus"}, {},
        {"tool": "codex", "queue": "night"}, {"queue": "night"},
    ]  # fmt: skip
    numbers = [db.submit(**kind).number for kind in kinds]
    assert db.claim(db.dispatcher()).numbers == numbers


def test_a_task_that_comes_back_keeps_its_age(db: Client, time: Clock) -> None:
    db.group("main", slots=1)
    first, second = db.submit().number, db.submit().number
    dispatcher = db.dispatcher()
    [run] = db.claim(dispatcher).runs
    db.finish(dispatcher, run, "interrupted")
    assert db.claim(dispatcher).numbers == [first]
    assert db.status(second) == ("queued", None)


def test_the_group_with_most_free_slots_gets_the_task(db: Client) -> None:
    db.limit("tool:claude", 9)
    db.group("a", slots=1)
    db.group("b", slots=4)
    db.group("c", slots=3)
    db.submit_all([{"tool": "claude", "prompt": "p"}] * 8)
    groups = [run.group for run in db.claim(db.dispatcher(), 8).runs]
    assert groups == ["b", "b", "c", "b", "c", "a", "b", "c"]


def test_a_pinned_task_runs_in_the_group_of_its_account_alone(db: Client) -> None:
    db.limit("tool:claude", 9)
    db.group("a", account="home", slots=5)
    db.group("b", account="work", slots=1)
    pinned = [db.submit(account="work").number for _ in range(2)]
    free = db.submit().number
    dispatcher = db.dispatcher()
    claim = db.claim(dispatcher)
    assert {run.number: run.group for run in claim.runs} == {pinned[0]: "b", free: "a"}
    assert claim.runs[0].answer["account"] == "work"
    db.finish(dispatcher, claim.runs[0])
    assert [(run.number, run.group) for run in db.claim(dispatcher).runs] == [(pinned[1], "b")]


def test_a_dispatcher_takes_tasks_of_its_own_groups_and_host_alone(db: Client) -> None:
    db.limit("tool:claude", 9)
    db.group("a", account="home", slots=5)
    db.run("select put_group('b', 'claude', 'work', 5, p_hosts => '{there}')")
    for_home, for_work = db.submit(account="home").number, db.submit(account="work").number
    assert db.claim(db.dispatcher("here", ["b"])).numbers == []
    assert db.claim(db.dispatcher("there", ["b"])).numbers == [for_work]
    assert db.claim(db.dispatcher("here")).numbers == [for_home]


def test_a_dispatcher_for_a_group_that_does_not_exist_is_not_registered(db: Client) -> None:
    db.group("a")
    with refused("LD404", "there is no worker group 'b'; there are a"):
        db.dispatcher(groups=["a", "b"])


def test_no_more_than_asked_for_are_claimed(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    db.submit_all([{"tool": "claude", "prompt": "p"}] * 5)
    dispatcher = db.dispatcher()
    assert [len(db.claim(dispatcher, most).runs) for most in (0, 2, 10)] == [0, 2, 3]


def test_a_claim_stops_before_its_answer_grows_too_large_and_says_so(db: Client) -> None:
    """A slow line would never bring such a claim, and the next one would be as large."""
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    db.run("insert into tasks (tool, prompt) select 'claude', repeat('x', 60000) from generate_series(1, 7)")
    dispatcher = db.dispatcher()
    first = db.claim(dispatcher)
    assert (len(first.runs), first.deadline_s) == (5, 0.001)
    assert len(db.claim(dispatcher).runs) == 2


def test_names_of_output_files_count_for_the_size_of_a_claim(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    db.submit_all([{"tool": "claude", "prompt": "p", "output_files": [f"{n:0200}" for n in range(1000)]}] * 3)
    assert len(db.claim(db.dispatcher()).runs) == 2


def test_a_large_prompt_is_read_in_pieces_by_who_has_the_run(db: Client) -> None:
    db.group("main", slots=9)
    db.limit("tool:claude", 9)
    prompt = "é" * 40_000
    db.submit(prompt)
    me, other = db.dispatcher(), db.dispatcher()
    [run] = db.claim(me).runs
    assert run.answer["prompt"] is None
    pieces = b""
    for at in (0, 30001, 60002):
        piece = db.value("select read_prompt(%s, %s, %s, 30001)", me, run.id, at)
        assert isinstance(piece, bytes)
        pieces += piece
    assert pieces.decode() == prompt
    assert db.value("select activity from task_runs") is None
    db.value("select read_prompt(%s, %s, 0, 30001)", me, run.id)
    assert db.value("select activity from task_runs") == "fetching the prompt: 0.0 of 0.1 MB"
    with refused("LD412", "is not this dispatcher's any more"):
        db.value("select read_prompt(%s, %s, 0, 30001)", other, run.id)
    db.finish(me, run)
    with refused("LD412", "is not this dispatcher's any more"):
        db.value("select read_prompt(%s, %s, 0, 30001)", me, run.id)


def test_what_a_claim_returns_is_what_was_submitted(db: Client) -> None:
    db.run("""select put_group('main', 'claude', 'home', 1, '{"KEY": "env:K"}', '~/.claude-home')""")
    task = db.submit(
        "do it", model="opus", permission="read", workdir="src", timeout_s=5, stall_timeout_s=4,
        max_attempts=2, session_id="s", output_files=["o"], input_files=[{"path": "i", "content": ""}],
        setup_command="make", check_command="make test", setup_timeout_s=60, check_timeout_s=90,
    )  # fmt: skip
    [run] = db.claim(db.dispatcher()).runs
    assert run.answer == {
        "run_id": str(run.id), "task_id": str(task.id), "number": task.number, "run_no": 1, "attempt": 1,
        "max_attempts": 2, "tool": "claude", "model": "opus", "prompt": "do it", "permission": "read",
        "workdir": "src", "timeout_s": 5, "stall_timeout_s": 4, "session_id": "s", "has_input_files": True,
        "output_files": ["o"], "group_name": "main", "account": "home", "env": {"KEY": "env:K"},
        "config_home": "~/.claude-home", "fallback_model": None, "goes_on": False, "directory": f"{task.number}-1",
        "budget_usd": None, "repository": None, "ref": None, "source": None, "base_commit": None,
        "no_changes": None, "setup_command": "make", "check_command": "make test", "setup_timeout_s": 60,
        "check_timeout_s": 90, "follow_up": None, "spawns": None,
    }  # fmt: skip


def test_a_run_is_told_each_setting_of_its_task_but_those_of_the_claim_and_of_people(db: Client) -> None:
    db.group("main")
    task = db.submit("do it")
    [run] = db.claim(db.dispatcher()).runs
    settings = db.value("select settings_of(%s)", task.id)
    assert isinstance(settings, dict)
    assert settings.keys() - run.answer.keys() == {
        "name", "labels", "tenant_id", "queue", "priority", "backoff_s", "retry_on", "approve", "workflow", "hooks"
    }  # fmt: skip


def task_of(tenant: str, **keys: object) -> dict[str, object]:
    return {"tool": "claude", "prompt": "p", "tenant_id": tenant, **keys}


def tenants_of(db: Client, numbers: list[int]) -> list[object]:
    return [db.value("select tenant_id from tasks where number = %s", number) for number in numbers]


def test_a_lane_whose_model_is_nearly_always_full_gets_its_share(db: Client) -> None:
    """One slot of the model for two tenants, and plenty of other work to take whenever it is full."""
    db.group("main", slots=3)
    db.limit("tool:claude", 3)
    db.limit("model:scarce", 1)
    many = db.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": "a", "model": "scarce"}] * 20)
    few = db.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": "b", "model": "scarce"}] * 3)
    db.submit_all([{"tool": "claude", "prompt": "p", "tenant_id": tenant} for tenant in "ab" * 30])
    scarce = {task.number: "a" for task in many} | {task.number: "b" for task in few}
    dispatcher = db.dispatcher()
    running, served = list(db.claim(dispatcher).runs), ""
    while served.count("b") != len(few):
        served += "".join(scarce.get(run.number, "") for run in running)
        assert len(served) < 12, served
        for run in running:
            db.finish(dispatcher, run)
        running = list(db.claim(dispatcher).runs)
        assert len(running) == 3, "slots stay empty beside the full model"


def test_of_tasks_that_are_claimed_together_each_gets_its_own_group_session_and_directory(db: Client) -> None:
    """The first and the third go on with their sessions, where fewer slots are free; the others go where more are."""
    db.limit("tool:claude", 9)
    db.group("a", slots=2)
    dispatcher = db.dispatcher()
    one, two, three, four = numbers = db.submit_some(4)
    db.run("update tasks set wait_reason = 'held' where number = any(%s)", [two, four])
    for session, run in enumerate(db.claim(dispatcher).runs):
        db.finish(dispatcher, run, "interrupted", session_id=f"s-{session}")
    db.run("update tasks set wait_reason = null where number = any(%s)", [two, four])
    db.group("b", slots=4)
    runs = db.claim(dispatcher).runs
    assert [run.number for run in runs] == numbers
    keys = ("run_no", "group_name", "session_id", "goes_on", "directory")
    assert [tuple(run.answer[key] for key in keys) for run in runs] == [
        (2, "a", "s-0", True, f"{one}-1"),
        (1, "b", None, False, f"{two}-1"),
        (2, "a", "s-1", True, f"{three}-1"),
        (1, "b", None, False, f"{four}-1"),
    ]
