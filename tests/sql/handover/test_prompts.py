"""Prompts are filled with what other tasks made, as data that nobody can take for anything else."""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run
from tests.sql.refused import refused

BLOCK = "\n<<<(?:{mark}) (?P<title>[^\n]*)\n(?P<body>.*?)\n(?:{mark})>>>\n"


@pytest.fixture
def dispatcher(wide: Client) -> UUID:
    return wide.dispatcher()


_LEASED: dict[tuple[UUID, int], Run] = {}


def claimed(db: Client, dispatcher: UUID, number: int) -> Run:
    """Claim all that is ready, and return the run of this task."""
    _LEASED.update({(dispatcher, run.number): run for run in db.claim(dispatcher, 50).runs})
    return _LEASED.pop((dispatcher, number))


def prompt_of(db: Client, dispatcher: UUID, run: Run, step: int = 2**20) -> str:
    """Read the prompt in pieces of so many bytes."""
    assert run.answer["prompt"] is None
    whole = b""
    while True:
        piece = db.value("select read_prompt(%s, %s, %s, %s)", dispatcher, run.id, len(whole), step)
        assert isinstance(piece, bytes)
        whole += piece
        if len(piece) < step:
            return whole.decode()


def pieces(prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a prompt without what was filled in, and the titles and bodies of that."""
    found = re.search("\nEach block from a line that begins with <<<([0-9a-f]{16}) [^\n]*\n", prompt)
    assert found is not None
    block = re.compile(BLOCK.format(mark=found[1]), re.DOTALL)
    rest = prompt.replace(found[0], "", 1)
    return block.sub("", rest), [(piece["title"], piece["body"]) for piece in block.finditer(rest)]


def made(
    db: Client, dispatcher: UUID, answer: str = "", files: Mapping[str, bytes] | None = None, **keys: object
) -> int:
    """Run a task that ends with this answer and these files, and return its number."""
    task = db.submit("work", output_files=list(files or {}), **keys)
    run = claimed(db, dispatcher, task.number)
    end(db, dispatcher, run, answer, files)
    return task.number


def end(
    db: Client,
    dispatcher: UUID,
    run: Run,
    answer: str,
    files: Mapping[str, bytes] | None = None,
    **report: object,
) -> None:
    db.start(dispatcher, run)
    for path, content in (files or {}).items():
        db.run("select store_output(%s, %s, %s, %s, null, %s, encode(sha256(%s), 'hex'), 420)",
               dispatcher, run.id, path, content, len(content), content)  # fmt: skip
    assert db.finish(dispatcher, run, None, final_text=answer, **report) == "finished"


def filled(db: Client, dispatcher: UUID, prompt: str, step: int = 2**20, **keys: object) -> str:
    number = db.submit(prompt, **keys).number
    return prompt_of(db, dispatcher, claimed(db, dispatcher, number), step)


def edit(db: Client, number: int, prompt: str) -> None:
    db.run("select act_on_tasks('edit', %s, p_changes => %s)",
           Jsonb({"tasks": [str(number)]}), Jsonb({"prompt": prompt}))  # fmt: skip


def test_what_other_tasks_made_stands_between_marks_and_the_row_keeps_the_prompt(
    wide: Client, dispatcher: UUID
) -> None:
    plan = made(wide, dispatcher, "the {{result:1}} plan", {"a.md": "größe".encode()}, name="first\nthings")
    written = f"Do {{{{result:{plan}}}}}, see {{{{file:{plan}:a.md}}}} {{{{reslt:9}}}}"
    task = wide.submit(written, after=[plan])

    run = claimed(wide, dispatcher, task.number)
    prompt = prompt_of(wide, dispatcher, run, 7)

    title = f"task {plan} “first things”"
    assert pieces(prompt) == (
        "Do , see  {{reslt:9}}",
        [(f"result of {title}", "the {{result:1}} plan"), (f"a.md of {title}", "größe")],
    )
    assert prompt == prompt_of(wide, dispatcher, run)
    assert wide.value("select prompt from tasks where number = %s", task.number) == written
    wide.finish(dispatcher, run)
    assert wide.value("select count(*) from run_pieces") == 0


def test_a_task_that_needs_no_other_keeps_its_braces(wide: Client, dispatcher: UUID) -> None:
    text = "{{result:1}} {{file:1:x}}"
    for task in (wide.submit(text), wide.submit(text, after=[])):
        assert claimed(wide, dispatcher, task.number).answer["prompt"] == text


@pytest.mark.parametrize(
    ("place", "keys", "message"),
    [
        ("{{result:2}}", {"after": [1]}, "names {{result:2}}, but the task does not come after 2: --after 2"),
        ("{{file:plan:a.md}}", {"after": [1]}, "but the task does not come after plan: --after plan"),
        ("{{results:1}}", {"after": [1]}, "does not come after all that 1 spawns: --after-tree 1"),
    ],
)  # fmt: skip
def test_a_place_names_a_task_that_the_task_comes_after(
    wide: Client, place: str, keys: Mapping[str, object], message: str
) -> None:
    wide.submit_some(2)
    with refused("LD400", message):
        wide.submit(f"text {place}", **keys)
    task = wide.submit("text", **keys)
    with refused("LD400", message):
        edit(wide, task.number, f"text {place}")
    assert wide.value("select prompt from tasks where number = %s", task.number) == "text"


def test_steps_and_numbers_name_a_need_and_an_edited_prompt_is_filled_too(
    wide: Client, dispatcher: UUID
) -> None:
    plan, join = wide.submit_all([
        {"tool": "claude", "prompt": "p", "step": "plan"},
        {"tool": "claude", "prompt": "no place", "after": ["plan"]},
    ])  # fmt: skip
    edit(wide, join.number, f"{{{{result:plan}}}}{{{{result:{plan.number}}}}}")
    end(wide, dispatcher, claimed(wide, dispatcher, plan.number), "it")

    _, found = pieces(prompt_of(wide, dispatcher, claimed(wide, dispatcher, join.number)))

    assert [body for _, body in found] == ["it", "it"]


def test_of_what_did_not_succeed_there_is_a_sentence(wide: Client, dispatcher: UUID) -> None:
    number = wide.submit("p", max_attempts=1, output_files=["x"]).number
    join = wide.submit(f"{{{{result:{number}}}}}{{{{file:{number}:x}}}}", after_any=[number])
    run = claimed(wide, dispatcher, number)
    wide.start(dispatcher, run)
    wide.finish(dispatcher, run, "agent_error", error_message="it broke", ran_s=1)

    _, found = pieces(prompt_of(wide, dispatcher, claimed(wide, dispatcher, join.number)))

    said = f"task {number} failed (it broke), so it has no"
    assert [body for _, body in found] == [f"{said} result", f"{said} x"]


def test_what_should_be_there_and_is_not_is_never_an_empty_text(wide: Client, dispatcher: UUID) -> None:
    plan = made(wide, dispatcher, files={"a.md": b"x"})
    run = claimed(wide, dispatcher, wide.submit(f"{{{{file:{plan}:a.md}}}}", after=[plan]).number)
    wide.run("delete from task_files")
    with refused("LD424", f"task {plan} left no a.md: it left no files"):
        wide.run("select read_prompt(%s, %s, 0, 10)", dispatcher, run.id)


def test_what_a_task_can_never_leave_is_refused_before_anybody_waits_for_it(wide: Client) -> None:
    wide.submit(output_files=["a.md", "b.md"])
    for place, message in (
        (
            "{{file:1:c.md}}",
            "task 1 leaves no c.md: its output files are a.md, b.md; name what it is to leave",
        ),
        ("{{patch:1}}", "task 1 leaves no patch: it works in no repository"),
    ):
        with refused("LD400", message):
            wide.submit(f"{{{{result:1}}}} {place}", after=[1])
    with refused("LD400", "task 1 leaves no c.md"):
        wide.submit(input_from=[{"task": 1, "path": "c.md"}])
    wide.submit("{{file:1:a.md}}", after=[1])


def test_a_patch_is_what_the_task_changed(wide: Client, dispatcher: UUID) -> None:
    change = {"source": "/shop", "base_commit": "0" * 40}
    done = change | {"ref": "refs/llmctl/1", "head_commit": "1" * 40, "files": 1}
    changed, unchanged = wide.submit_some(2, repository="/shop")
    for number, recorded in ((changed, done), (unchanged, change)):
        run = claimed(wide, dispatcher, number)
        files = {".llmctl/changes.patch": b"+x"} if number == changed else {}
        end(wide, dispatcher, run, "", files, change=recorded)

    prompt = f"{{{{patch:{changed}}}}}{{{{patch:{unchanged}}}}}"
    _, found = pieces(filled(wide, dispatcher, prompt, after=[changed, unchanged]))

    assert [body for _, body in found] == ["+x", f"task {unchanged} changed nothing"]


def test_a_large_piece_is_cut_off_at_a_character_and_says_so(wide: Client, dispatcher: UUID) -> None:
    large = "x" + "ö" * 300_000
    plan = made(wide, dispatcher, large, {"large": large.encode(), "bytes": b"\xff\x00" * 9, "zero": b"a\0b"})
    places = [f"{{{{{what}}}}}" for what in
              (f"result:{plan}", f"file:{plan}:large", f"file:{plan}:bytes", f"file:{plan}:zero")]  # fmt: skip

    _, found = pieces(filled(wide, dispatcher, "".join(places), after=[plan]))

    cut = large[: 1 + (2**18 - 1) // 2]
    whole = f"; --input-from {plan}:large gives it whole"
    assert [body for _, body in found] == [
        f"{cut}\ncut off: 0.3 of 0.6 MB",
        f"{cut}\ncut off: 0.3 of 0.6 MB{whole}",
        f"no text: 18 bytes that are not UTF-8; --input-from {plan}:bytes gives it whole",
        f"no text: 3 bytes that are not UTF-8; --input-from {plan}:zero gives it whole",
    ]


def test_all_pieces_together_have_a_bound(wide: Client, dispatcher: UUID) -> None:
    plan = made(wide, dispatcher, "y" * 2**18)
    prompt = filled(wide, dispatcher, f"{{{{result:{plan}}}}}" * 20, after=[plan])
    _, found = pieces(prompt)
    assert [len(body) for _, body in found[:16]] == [2**18] * 16
    assert [body for _, body in found[16:]] == ["\ncut off: 0.0 of 0.3 MB"] * 4


def test_a_tree_gives_all_that_was_spawned(wide: Client, dispatcher: UUID) -> None:
    plan = wide.submit("p")
    join = wide.submit(f"{{{{results:{plan.number}}}}}", after_tree=[plan.number],
                       input_from=[{"task": plan.number, "path": "out/a.md", "of_tree": True}])  # fmt: skip
    children = wide.submit_some(2)
    grandchild = wide.submit_some(1)[0]
    wide.run("update tasks set parent = %s where number = any(%s)", plan.id, children)
    wide.run("update tasks set parent = (select id from tasks where number = %s) where number = %s",
             children[1], grandchild)  # fmt: skip
    for number in (*children, grandchild):
        files = {"out/a.md": str(number).encode()} if number != children[0] else {}
        end(wide, dispatcher, claimed(wide, dispatcher, number), f"of {number}", files)
    end(wide, dispatcher, claimed(wide, dispatcher, plan.number), "")

    run = claimed(wide, dispatcher, join.number)
    _, found = pieces(prompt_of(wide, dispatcher, run))

    assert [body for _, body in found] == [f"of {number}" for number in (*children, grandchild)]
    assert wide.rows("select path, content from input_files_of(%s)", join.id) == [
        (f"tree/{number}/a.md", str(number).encode()) for number in (children[1], grandchild)
    ]


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["{{result:", "}}", "1", "2", "\n", "<<<", ">>>", "{{file:1:a}}", "{{result:1}}", "data"]
        ),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
    ),
    max_size=8,
).map("".join)


@given(answers=st.tuples(TEXTS, TEXTS), name=TEXTS, texts=st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_that_is_filled_in_changes_what_stands_around_it(
    wide: Client, dispatcher: UUID, answers: Sequence[str], name: str, texts: Sequence[str]
) -> None:
    plans = [made(wide, dispatcher, answer, name=name or None) for answer in answers]
    # In the prompt itself only whole places are places; other braces are text.
    texts = [text.replace("{{", "{ {") for text in texts]
    asked = [plans[at % 2] for at in range(len(texts))]
    prompt = "".join(f"{text}{{{{result:{plan}}}}}" for text, plan in zip(texts, asked, strict=True))

    rest, found = pieces(filled(wide, dispatcher, prompt, after=plans))

    assert rest == "".join(texts)
    assert [body for _, body in found] == [answers[at % 2] for at in range(len(texts))]
