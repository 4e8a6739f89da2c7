"""Submitting: what is refused, all or nothing, files, idempotency keys, and rows inserted by hand."""

from functools import partial

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Placeholder

from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.concurrently import all_at_once, in_background, until_blocked
from tests.sql.refused import refused

LONG = "x" * 201

GOOD = {"tool": "claude", "prompt": "p"}
BAD_TASKS: list[tuple[object, str]] = [
    ("a task", "a task must be a JSON object, not string"),
    (7, "a task must be a JSON object, not number"),
    (None, "a task must be a JSON object, not null"),
    ({}, "a task needs a tool"),
    ({"tool": "claude"}, "a task needs a prompt that is not empty"),
    ({"tool": "claude", "prompt": ""}, "a task needs a prompt that is not empty"),
    ({"tool": "claude", "prompt": None}, "a task needs a prompt that is not empty"),
    ({"prompt": "p"}, "a task needs a tool"),
    ({"tool": "clade", "prompt": "p"}, "unknown tool 'clade'; known are claude, codex, gemini"),
]
BAD_KEYS: list[tuple[dict[str, object], str]] = [
    ({"prio": 3}, "prio is not a key of a task"),
    ({"prompt": {"a": 1}}, "prompt must be text"),
    ({"prompt": ["a"]}, "prompt must be text"),
    ({"name": 5}, "name must be text, not 5"),
    ({"model": True}, "model must be text, not true"),
    ({"priority": 0}, "priority must be a number from 1 to 9 (9 is first), not 0"),
    ({"priority": 10}, "priority must be a number from 1 to 9 (9 is first), not 10"),
    ({"priority": 5.5}, "priority must be a number from 1 to 9 (9 is first), not 5.5"),
    ({"priority": "high"}, 'priority must be a number from 1 to 9 (9 is first), not "high"'),
    ({"priority": [5]}, "priority must be a number from 1 to 9 (9 is first)"),
    ({"permission": "root"}, 'permission must be read, edit or full, not "root"'),
    ({"timeout_s": 0}, "timeout_s must be a whole number above 0, not 0"),
    ({"timeout_s": -5}, "timeout_s must be a whole number above 0, not -5"),
    ({"timeout_s": 1.5}, "timeout_s must be a whole number above 0, not 1.5"),
    ({"timeout_s": 10**12}, "timeout_s must be a whole number above 0, not 1000000000000"),
    ({"stall_timeout_s": 0}, "stall_timeout_s must be a whole number above 0, not 0"),
    ({"max_attempts": 0}, "max_attempts must be a whole number above 0, not 0"),
    ({"backoff_s": -1}, "backoff_s must be a number of seconds, not -1"),
    ({"delay_s": "soon"}, 'delay_s must be a number of seconds, not "soon"'),
    ({"delay_s": 1e300}, "delay_s must be a number of seconds"),
    ({"delay_s": 1, "scheduled_at": "2030-01-01"}, "give scheduled_at or delay_s, not both"),
    ({"scheduled_at": "infinity"}, 'scheduled_at must be a finite time, not "infinity"'),
    ({"scheduled_at": "-Infinity"}, 'scheduled_at must be a finite time, not "-Infinity"'),
    ({"scheduled_at": "20270-01-31"}, "is not a valid scheduled_at: expected a time in the years 1 to 9999"),
    (
        {"scheduled_at": "4713-01-01 BC"},
        "is not a valid scheduled_at: expected a time in the years 1 to 9999",
    ),
    (
        {"scheduled_at": "someday"},
        "a task was not understood: invalid input syntax for type timestamp",
    ),
    ({"scheduled_at": 1893456000}, "scheduled_at must be text, not 1893456000"),
    ({"idempotency_key": ""}, "idempotency_key must not be empty (leave it out instead)"),
    ({"idempotency_key": "k" * 1001}, "idempotency_key must be at most 1,000 bytes long"),
    ({"tenant_id": ""}, "tenant_id must not be empty (leave it out instead)"),
    ({"tenant_id": "a\x1fb"}, "tenant_id must not hold control characters"),
    ({"tenant_id": LONG}, "tenant_id must be at most 200 bytes long"),
    ({"queue": "a\nb"}, "queue must not hold control characters"),
    ({"queue": LONG}, "queue must be at most 200 bytes long"),
    ({"account": ""}, "account must not be empty (leave it out instead)"),
    ({"account": LONG}, "account must be at most 200 bytes long"),
    ({"model": LONG}, "model must be at most 200 bytes long"),
    ({"model": "--yolo"}, 'model must not begin with "-"'),
    ({"fallback_model": "--yolo"}, 'fallback_model must not begin with "-"'),
    ({"session_id": "--last"}, 'session_id must not begin with "-"'),
    ({"session_id": 5}, "session_id must be text"),
    ({"labels": ["a"]}, "labels must be a JSON object"),
    ({"labels": "a"}, "labels must be a JSON object"),
    ({"output_files": "out.txt"}, "output_files must be a list of file names"),
    ({"output_files": ["../out"]}, "output_files holds a name that is not allowed: '../out'"),
    (
        {"output_files": ["/etc/passwd"]},
        "output_files holds a name that is not allowed: '/etc/passwd'",
    ),
    ({"output_files": [{"path": "x"}]}, "output_files holds a name that is not allowed"),
    ({"output_files": ["x", "x"]}, "output_files names a file twice"),
    ({"output_files": [f"f{i}" for i in range(1001)]}, "output_files must name at most 1,000 files"),
    ({"input_files": {"path": "x"}}, "input_files must be a list of objects with path and content"),
    ({"input_files": ["x"]}, "input_files holds a name that is not allowed: none"),
    ({"input_files": [{"content": "x"}]}, "input_files holds a name that is not allowed: none"),
    (
        {"input_files": [{"path": 5, "content": "x"}]},
        "input_files holds a name that is not allowed: '5'",
    ),
    (
        {"input_files": [{"path": "a/../b", "content": ""}]},
        "input_files holds a name that is not allowed",
    ),
    ({"input_files": [{"path": "x"}]}, "input_files must give 'x' either content or content_base64"),
    (
        {"input_files": [{"path": "x", "content": "a", "content_base64": "YQ=="}]},
        "input_files must give 'x' either content or content_base64",
    ),
    ({"input_files": [{"path": "x", "content": 5}]}, "input_files must give 'x' its content as text"),
    ({"input_files": [{"path": "x", "content": "", "mode": 4095}]}, "a mode from 0 to 511 (0o777)"),
    ({"input_files": [{"path": "x", "content": "", "mode": "rwx"}]}, "a mode from 0 to 511 (0o777)"),
    (
        {"input_files": [{"path": "x", "content": "", "owner": "me"}]},
        "must describe a file by path, content",
    ),
    ({"input_files": [{"path": "x", "content_base64": "%"}]}, "a task was not understood: invalid"),
    ({"input_files": [{"path": "x", "content": ""}] * 2}, "input_files names a file twice"),
]


def test_a_bad_task_is_refused_with_a_sentence_that_says_what_to_change(db: Client) -> None:
    for task, complaint in [*BAD_TASKS, *((GOOD | keys, complaint) for keys, complaint in BAD_KEYS)]:
        with refused("LD400", complaint):
            db.submit_all([task])


def test_something_that_is_no_list_of_tasks_is_refused(db: Client) -> None:
    for nonsense in ({"tool": "claude", "prompt": "p"}, "claude", None):
        with refused("LD400", "needs a JSON array"):
            db.submit_all(nonsense)


def test_the_bad_task_of_a_batch_is_named_by_its_place(db: Client) -> None:
    good = {"tool": "claude", "prompt": "p"}
    with refused("LD400", "task 3: priority must be a number from 1 to 9"):
        db.submit_all([good, good, good | {"priority": 0}, good | {"priority": 11}])


def test_one_bad_task_keeps_the_whole_batch_out(db: Client) -> None:
    good = {"tool": "claude", "prompt": "p", "input_files": [{"path": "a", "content": "x"}]}
    for bad in ({"tool": "claude", "prompt": "p", "scheduled_at": "never"}, {"tool": "codex"}):
        with refused("LD400"):
            db.submit_all([good, bad])
    assert db.value("select count(*) from tasks") == 0
    assert db.value("select count(*) from task_files") == 0
    assert db.value("select count(*) from lane_inbox") == 0


def test_an_empty_batch_is_no_error(db: Client) -> None:
    assert db.submit_all([]) == []


def test_every_key_of_a_task_is_stored(db: Client) -> None:
    db.group("main")
    given = {
        "tenant_id": "acme", "queue": "nightly", "account": "main", "model": "opus", "priority": 8,
        "name": "tidy up", "labels": {"repo": "x"}, "output_files": ["out/a.md"], "permission": "read",
        "workdir": "src", "timeout_s": 900, "stall_timeout_s": 60, "max_attempts": 5, "backoff_s": 1.5,
        "idempotency_key": "k1", "session_id": "s-1",
    }  # fmt: skip
    number = db.submit("go", **given).number
    stored = db.value("select to_jsonb(tasks) from tasks where number = %s", number)
    assert isinstance(stored, dict)
    assert {key: stored[key] for key in given} == given
    assert (stored["tool"], stored["prompt"], stored["status"]) == ("claude", "go", "queued")


def test_submit_task_takes_the_same_things_by_name(db: Client) -> None:
    db.group("main")
    number = db.one(
        "select number from submit_task('claude', 'go', p_model => 'opus', p_account => 'main',"
        " p_tenant_id => 'acme', p_queue => 'q', p_priority => 7, p_name => 'n', p_labels => '{\"a\": 1}',"
        ' p_input_files => \'[{"path": "i", "content": "c"}]\', p_output_files => \'["o"]\','
        " p_permission => 'full', p_workdir => 'w', p_timeout_s => 5, p_stall_timeout_s => 4,"
        " p_max_attempts => 2, p_backoff_s => 3, p_delay_s => 60, p_idempotency_key => 'k',"
        " p_session_id => 's')"
    )[0]
    row = db.one(
        "select model, account, tenant_id, queue, priority, name, labels, input_files, output_files,"
        " permission, workdir, timeout_s, stall_timeout_s, max_attempts, backoff_s, idempotency_key,"
        " session_id, wait_reason"
        " from tasks where number = %s",
        number,
    )
    assert row == (
        "opus", "main", "acme", "q", 7, "n", {"a": 1}, ["i"], ["o"], "full", "w", 5, 4, 2, 3.0, "k", "s",
        "scheduled",
    )  # fmt: skip


def test_numbers_follow_the_order_of_the_batch_whatever_the_keys(db: Client) -> None:
    tasks = [{"tool": "claude", "prompt": f"p{key}", "idempotency_key": key} for key in "cab"]
    submitted = db.submit_all(tasks)
    assert [task.ordinal for task in submitted] == [1, 2, 3]
    assert [task.number for task in submitted] == sorted(task.number for task in submitted)
    assert [row[0] for row in db.rows("select prompt from tasks order by number")] == ["pc", "pa", "pb"]


def test_a_prompt_of_10_mb_arrives_whole_in_pieces_after_the_claim(db: Client) -> None:
    prompt = '-\\"é\n' * 1_750_000
    assert len(prompt.encode()) > 10_000_000
    db.group("main")
    db.submit(prompt)
    me = db.dispatcher()
    [run] = db.claim(me).runs
    assert run.answer["prompt"] is None, "it would make the claim wait for a slow line"
    pieces = [
        db.value("select read_prompt(%s, %s, %s, %s)", me, run.id, at, 2**22) for at in range(0, 2**24, 2**22)
    ]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)).decode() == prompt


def test_a_prompt_above_32_mb_is_refused(db: Client) -> None:
    with refused("LD400", "prompt must be at most 32 MB long"):
        db.submit("x" * (32 * 1024 * 1024 + 1))


def test_input_files_arrive_byte_for_byte(db: Client) -> None:
    text, binary = "naïve\r\n", "AAH+/w=="
    task = db.submit(
        input_files=[
            {"path": "b/text", "content": text, "mode": 0o600},
            {"path": "a.bin", "content_base64": binary},
            {"path": "empty", "content": ""},
        ]
    )
    assert db.rows("select path, content, mode from input_files_of(%s)", task.id) == [
        ("a.bin", b"\x00\x01\xfe\xff", 0o644),
        ("b/text", text.encode(), 0o600),
        ("empty", b"", 0o644),
    ]
    assert db.value(
        "select bool_and(size_bytes = length(content) and sha256 = encode(sha256(content), 'hex'))"
        " from task_files"
    )


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "a/..", "../a", "a/../b", "/a", "a/", "a//b", "./a", "a\\b", "a\nb", "\x7f", "a" * 256],
)
def test_no_file_name_leads_out_of_the_work_directory(db: Client, path: str) -> None:
    assert db.value("select is_file_name(%s)", path) is False


@pytest.mark.parametrize("path", ["a", "a/b.c", ".hidden", "...", "..a", "a b", "ü/ß", "-rf", "a" * 255])
def test_ordinary_file_names_are_allowed(db: Client, path: str) -> None:
    assert db.value("select is_file_name(%s)", path) is True


def test_a_task_for_an_account_that_no_group_serves_is_refused_once_there_are_groups(db: Client) -> None:
    db.submit(account="main")  # a fresh database: its first dispatcher will make the groups
    db.group("team", account="team")
    with refused("LD400", "with account 'main'; its accounts are team"):
        db.submit(account="main")
    with refused("LD400", "no worker group serves tool codex; groups exist for claude"):
        db.submit(tool="codex")


# Idempotency


def test_the_same_key_again_returns_the_first_task(db: Client) -> None:
    first = db.submit("one", idempotency_key="k")
    again = db.submit("one", idempotency_key="k")
    assert (first.created, first.same) == (True, True)
    assert (again.id, again.number, again.created, again.same) == (first.id, first.number, False, True)
    assert db.value("select count(*) from tasks") == 1


@pytest.mark.parametrize("other", [{"prompt": "two"}, {"model": "opus"}, {"tool": "codex"}])
def test_the_same_key_with_another_payload_says_so(db: Client, other: dict[str, object]) -> None:
    first = db.submit(prompt="one", idempotency_key="k")
    again = db.submit(**({"prompt": "one", "idempotency_key": "k"} | other))
    assert (again.number, again.created, again.same) == (first.number, False, False)


def test_a_key_belongs_to_its_tenant(db: Client) -> None:
    tenants = ["a", "b"]
    numbers = {db.submit(idempotency_key="k", tenant_id=tenant).number for tenant in tenants}
    assert len(numbers) == 2


def test_a_key_twice_in_one_batch_makes_one_task(db: Client) -> None:
    tasks = [
        {"tool": "claude", "prompt": prompt, "idempotency_key": key}
        for prompt, key in [("one", "k"), ("two", "l"), ("one", "k"), ("other", "k")]
    ]
    submitted = db.submit_all(tasks)
    assert [task.created for task in submitted] == [True, True, False, False]
    assert [task.same for task in submitted] == [True, True, True, False]
    assert submitted[0].number == submitted[2].number == submitted[3].number
    assert db.value("select prompt from tasks where idempotency_key = 'k'") == "one"


def test_files_of_a_task_that_was_there_already_are_not_stored_again(db: Client) -> None:
    for content in ("one", "two"):
        db.submit(idempotency_key="k", input_files=[{"path": "f", "content": content}])
    assert db.rows("select content from task_files") == [(b"one",)]


def test_sixteen_clients_with_the_same_keys_make_each_task_once(db: Client) -> None:
    keys = [f"k{i}" for i in range(25)]
    clients = [db.another() for _ in range(16)]

    def submit_in_own_order(client: Client, shift: int) -> list[tuple[int, bool]]:
        order = keys[shift:] + keys[:shift]
        answers = [client.submit("same", idempotency_key=key) for key in order]
        return [(answer.number, answer.created) for answer in answers]

    answers = all_at_once([partial(submit_in_own_order, client, i) for i, client in enumerate(clients)])
    assert sum(created for answer in answers for _, created in answer) == len(keys)
    assert len({number for answer in answers for number, _ in answer}) == len(keys)
    assert db.value("select count(*) from tasks") == len(keys)


def test_crossing_batches_do_not_deadlock(db: Client) -> None:
    """Same keys in several tenants, each batch in another order: the function locks in its own."""
    tasks = [
        {"tool": "claude", "prompt": "p", "idempotency_key": key, "tenant_id": tenant}
        for key in ("k1", "k2", "k3")
        for tenant in ("a", "b", "c")
    ]
    rounds = 20
    clients = [db.another() for _ in range(4)]

    def submit_batches(client: Client, seed: int) -> None:
        for turn in range(rounds):
            batch = [task | {"idempotency_key": f"{turn}-{task['idempotency_key']}"} for task in tasks]
            batch = batch[::-1] if seed % 2 else batch[seed:] + batch[:seed]
            client.submit_all(batch)

    all_at_once([partial(submit_batches, client, i) for i, client in enumerate(clients)])
    assert db.value("select count(*) from tasks") == len(tasks) * rounds


def test_two_batches_that_name_tenants_in_opposite_order_do_not_deadlock(db: Client) -> None:
    """The crossing held still: a third transaction owns the key that both batches need in their middle."""
    third, one, two = db.another(), db.another(), db.another()

    def batch(*tenants: str) -> list[dict[str, str]]:
        return [
            {"tool": "claude", "prompt": "p", "idempotency_key": "k", "tenant_id": name} for name in tenants
        ]

    third.run("begin")
    third.submit_all(batch("m"))
    with in_background(lambda: one.submit_all(batch("z", "m", "a"))) as first:
        until_blocked(db, one)
        with in_background(lambda: two.submit_all(batch("a", "m", "z"))) as second:
            until_blocked(db, two)
            third.run("rollback")
    assert sorted([first.result()[0].created, second.result()[0].created]) == [False, True]


def test_the_second_of_two_transactions_waits_and_returns_what_the_first_committed(db: Client) -> None:
    other = db.another()
    db.run("begin")
    first = db.submit("one", idempotency_key="k")
    with in_background(lambda: other.submit("one", idempotency_key="k")) as second:
        until_blocked(db.another(), other)
        db.run("commit")
    assert (second.result().number, second.result().created) == (first.number, False)


def test_the_second_of_two_transactions_creates_the_task_when_the_first_is_rolled_back(db: Client) -> None:
    other = db.another()
    db.run("begin")
    db.submit("one", idempotency_key="k")
    with in_background(lambda: other.submit("one", idempotency_key="k")) as second:
        until_blocked(db.another(), other)
        db.run("rollback")
    assert second.result().created
    assert db.value("select count(*) from tasks") == 1


def test_a_repeatable_read_producer_that_meets_a_newer_key_is_told_to_try_again(db: Client) -> None:
    other = db.another()
    other.run("begin isolation level repeatable read")
    other.value("select count(*) from tasks")
    db.submit("one", idempotency_key="k")
    with pytest.raises(psycopg.errors.SerializationFailure):
        other.submit("one", idempotency_key="k")
    other.run("rollback")
    assert not other.submit("one", idempotency_key="k").created


# Transactions of the producer


def test_a_task_of_an_open_transaction_is_not_claimed_and_afterwards_it_is(db: Client) -> None:
    db.group("main")
    dispatcher = db.dispatcher()
    producer = db.another()
    producer.run("begin")
    task = producer.submit()
    assert db.claim(dispatcher).numbers == []
    producer.run("commit")
    assert db.claim(dispatcher).numbers == [task.number]


def test_a_savepoint_rolled_back_leaves_nothing(db: Client) -> None:
    db.group("main", slots=5)
    db.run("begin")
    kept = db.submit()
    db.run("savepoint s")
    db.submit(input_files=[{"path": "f", "content": "x"}], idempotency_key="k")
    db.run("rollback to s")
    db.run("commit")
    assert db.value("select count(*) from tasks") == 1
    assert db.value("select count(*) from task_files") == 0
    assert db.value("select count(*) from lane_inbox") == 1
    assert db.claim(db.dispatcher()).numbers == [kept.number]
    assert db.submit(idempotency_key="k").created


# Rows inserted by hand


def test_a_row_inserted_by_hand_is_claimed(db: Client) -> None:
    db.group("main")
    number = db.value("insert into tasks (tool, prompt) values ('claude', 'by hand') returning number")
    assert db.claim(db.dispatcher()).numbers == [number]


def test_a_row_inserted_by_hand_with_a_time_waits_for_it(db: Client, time: Clock) -> None:
    db.group("main")
    number = db.value(
        "insert into tasks (tool, prompt, scheduled_at) values ('claude', 'later', clock() + '1 h')"
        " returning number"
    )
    dispatcher = db.dispatcher()
    assert db.status(int(str(number))) == ("queued", "scheduled")
    claim = db.claim(dispatcher)
    assert (claim.numbers, claim.deadline_s) == ([], 3600)
    time.passes(3600)
    assert db.claim(dispatcher).numbers == [number]


def test_rows_copied_in_are_claimed(db: Client) -> None:
    db.group("main", slots=3)
    with db.connection.cursor().copy("copy tasks (tool, prompt) from stdin") as copy:
        for row in range(3):
            copy.write_row(("claude", f"copied {row}"))
    assert len(db.claim(db.dispatcher()).runs) == 3


def test_a_task_cannot_be_born_active(db: Client) -> None:
    with refused("LD400", "must be queued"):
        db.run(
            "insert into tasks (tool, prompt, status, leased_by)"
            " values ('claude', 'p', 'leased', gen_random_uuid())"
        )


@pytest.mark.parametrize("count", ["attempt", "run_no"])
def test_a_task_cannot_be_born_with_runs(db: Client, count: str) -> None:
    """A count that cannot grow any more would fail the next claim, of all tasks."""
    statement = SQL("insert into tasks (tool, prompt, {}) values ('claude', 'p', 2147483647)")
    with refused("LD400", "must be queued and without runs"):
        db.connection.execute(statement.format(Identifier(count)))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tenant_id", "x" * 3000),
        ("queue", "a\x1fb"),
        ("scheduled_at", "infinity"),
        ("scheduled_at", "20270-01-31"),
        ("wait_reason", "retry"),
        ("prompt", ""),
        ("priority", 0),
        ("created_at", "infinity"),
        ("started_at", "-infinity"),
        ("finished_at", "2001-01-01"),
        ("output_files", '["a", 5]'),
        ("output_files", '[["a"]]'),
    ],
)
def test_no_row_by_hand_can_break_what_others_do(db: Client, column: str, value: object) -> None:
    row = {"tool": "claude", "prompt": "p"} | {column: value}
    statement = SQL("insert into tasks ({}) values ({})").format(
        SQL(", ").join(map(Identifier, row)), SQL(", ").join([Placeholder()] * len(row))
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        db.connection.execute(statement, list(row.values()))


def test_a_number_cannot_be_taken_by_hand(db: Client) -> None:
    """Otherwise the next submit would fail on it."""
    with pytest.raises(psycopg.errors.GeneratedAlways):
        db.run("insert into tasks (number, tool, prompt) values (2, 'claude', 'p')")
