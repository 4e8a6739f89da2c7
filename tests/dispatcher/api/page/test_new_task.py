"""The form of a new task: it queues once, says what is wrong beside the field, and loses nothing that was typed."""

from collections.abc import Callable

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import HERE, Browser, Page

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]


def form_fields(page: Page) -> dict[str, str]:
    return dict(page.root.one("form", action="/ui/new").fields())


def complaints(page: Page) -> dict[str, str]:
    """Return what is wrong, by field; each is tied to its field for a screen reader."""
    found = {}
    for one in page.root.all("p", class_="bad-text"):
        field = page.root.one(id=one["id"].removeprefix("complaint-"))
        assert one["id"] in field["aria-describedby"].split()
        assert field["aria-invalid"] == "true"
        found[field["name"]] = one.text
    return found


async def filled(person: Browser, **typed: str) -> dict[str, str]:
    page = await person.get("/ui/new")
    return {**form_fields(page), "tool": "claude", "prompt": "do it", **typed}


async def test_everything_that_is_typed_reaches_the_task(browser: Open, site: Site) -> None:
    person = browser("producer")
    fields = await filled(
        person,
        prompt="first line\r\n  second line\r\n",
        account="main",
        model="opus",
        permission="read",
        name="nightly",
        priority="9",
        labels="team=web\r\nticket=1=2\r\n",
        timeout_s="30m",
        max_attempts="1",
        scheduled_at="2031-01-31T22:00",
        tenant_id="acme",
        queue="q",
        output_files="report.md",
        stall_timeout_s="90s",
        backoff_s="1m30s",
        idempotency_key="mine",
    )
    page = await person.post("/ui/new", [*fields.items()])
    assert page.status == 200
    row = site.db.one(
        "select prompt, account, model, permission, name, priority, labels, timeout_s, max_attempts,"
        " scheduled_at = '2031-01-31T22:00Z', tenant_id, queue, output_files, stall_timeout_s, backoff_s,"
        " idempotency_key from tasks where number = %s",
        int(page.path.rpartition("/")[2]),
    )
    assert row == (
        *("first line\n  second line\n", "main", "opus", "read", "nightly", 9),
        *({"team": "web", "ticket": "1=2"}, 1800, 1, True, "acme", "q", ["report.md"], 90, 90, "mine"),
    )


async def test_sending_the_form_twice_queues_one_task(browser: Open) -> None:
    person = browser("producer")
    fields = [*(await filled(person, delay_s="1h")).items()]
    first, again = await person.post("/ui/new", fields), await person.post("/ui/new", fields)
    assert first.path == again.path
    other = await person.post("/ui/new", [*(await filled(person, delay_s="1h")).items()])
    assert other.path != first.path


async def test_a_form_that_was_sent_and_then_changed_says_so_and_can_be_sent_anew(browser: Open) -> None:
    person = browser("producer")
    fields = await filled(person, delay_s="1h")
    first = await person.post("/ui/new", [*fields.items()])
    number = first.path.rpartition("/")[2]
    page = await person.post("/ui/new", [*{**fields, "prompt": "do something else"}.items()])
    assert page.status == 409
    assert page.problem == (
        f"this was submitted already as task {number}, with another tool, model or prompt"
    )
    assert form_fields(page)["prompt"] == "do something else"
    page = await person.post("/ui/new", [*form_fields(page).items()])
    assert page.path not in (first.path, "/ui/new")


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("priority", "12", 'priority must be a number from 1 to 9 (9 is first), not "12"'),
        ("timeout_s", "soon", "'soon' is not a length of time"),
        ("timeout_s", "0", "timeout_s must be a whole number above 0, not 0"),
        ("labels", "nonsense", "'nonsense' is not a label: expected KEY=VALUE"),
        ("model", "--dangerous", 'model must not begin with "-"'),
        ("max_attempts", "many", 'max_attempts must be a whole number above 0, not "many"'),
        ("permission", "root", 'permission must be read, edit or full, not "root"'),
        ("prompt", "", "a task needs a prompt that is not empty"),
        ("tool", "", "a task needs a tool"),
        ("output_files", "../x", "output_files holds a name that is not allowed"),
        ("account", "nobody", "account"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(
    browser: Open, field: str, typed: str, sentence: str
) -> None:
    person = browser("producer")
    fields = await filled(person, **{"name": "kept <b>\u202e name", "labels": "a=b", field: typed})
    page = await person.post("/ui/new", [*fields.items()])
    assert page.status == 400
    assert page.problem == "Nothing was queued: something below is not right yet."
    assert list(complaints(page)) == [field]
    assert sentence in complaints(page)[field]
    shown = form_fields(page)
    left_out = {field} if page.root.one(id=field).tag == "select" else set()
    assert {name: value for name, value in shown.items() if name not in left_out} == {
        name: value for name, value in fields.items() if name not in left_out
    }


async def test_a_complaint_about_a_rare_field_opens_the_fold_that_it_is_in(browser: Open) -> None:
    person = browser("producer")
    for typed, opened in (
        ({"backoff_s": "x"}, ["More"]),
        ({"check_timeout_s": "x"}, ["Repository and check"]),
    ):
        page = await person.post("/ui/new", [*(await filled(person, **typed)).items()])
        assert [one.one("summary").text for one in page.root.all("details") if "open" in one] == opened
    assert not [one for one in (await person.get("/ui/new")).root.all("details") if "open" in one]


async def test_who_may_not_submit_is_told_and_keeps_the_text(browser: Open) -> None:
    person = browser("reader")
    page = await person.post("/ui/new", [*(await filled(person)).items()])
    assert page.status == 403
    assert "submit_tasks" in page.problem
    assert form_fields(page)["prompt"] == "do it"


async def test_a_tenant_of_others_is_refused(browser: Open) -> None:
    person = browser("producer", "acme")
    page = await person.post("/ui/new", [*(await filled(person, tenant_id="other")).items()])
    assert page.status == 403
    assert form_fields(page)["tenant_id"] == "other"


async def test_input_files_are_uploaded(browser: Open, site: Site) -> None:
    person = browser("producer")
    fields = await filled(person)
    files = [
        ("input_files", ("data.bin", b"\0\xff\r\n", "application/octet-stream")),
        ("input_files", ("é.txt", b"x", "text/plain")),
    ]
    answer = await person.client.post("/ui/new", data=fields, files=files, headers={"Origin": HERE})
    number = answer.url.path.rpartition("/")[2]
    assert site.db.rows(
        "select path, content from task_files join tasks on tasks.id = task_id where number = %s order by path",
        int(number),
    ) == [("data.bin", b"\0\xff\r\n"), ("é.txt", b"x")]


async def test_a_file_name_that_is_refused_is_said_beside_the_files(browser: Open) -> None:
    person = browser("producer")
    fields = await filled(person)
    files = [("input_files", ("../../etc/passwd", b"x")), ("input_files", ("b", b""))]
    answer = await person.client.post("/ui/new", data=fields, files=files, headers={"Origin": HERE})
    assert answer.status_code == 400
    assert "input_files holds a name that is not allowed" in answer.text.replace("&#39;", "'")
    assert "Choose them again" in answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\0"])
async def test_a_form_that_is_no_text_is_a_clear_error(browser: Open, body: bytes) -> None:
    content = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + body + b"\r\n--b--\r\n"
    headers = {"Origin": HERE, "Content-Type": "multipart/form-data; boundary=b"}
    answer = await browser().client.post("/ui/new", content=content, headers=headers)
    assert answer.status_code == 400


async def test_a_task_like_one_at_the_top_has_a_priority_that_can_be_submitted(
    browser: Open, site: Site
) -> None:
    number = site.db.submit().number
    site.db.run("select act_on_tasks('top', '{}')")
    page = await browser("producer").get(f"/ui/new?like={number}")
    assert form_fields(page)["priority"] == "9"


async def test_another_task_fills_the_form(browser: Open, site: Site) -> None:
    number = site.db.submit(
        "\n<textarea>\u202e prompt",
        name="a name",
        labels={"a": "b"},
        timeout_s=60,
        queue="q",
        permission="read",
        delay_s=3600,
    ).number
    page = await browser("producer").get(f"/ui/new?like={number}")
    shown = form_fields(page)
    expected = {
        "prompt": "\n<textarea>\u202e prompt",
        "name": "a name",
        "labels": "a=b",
        "timeout_s": "1m",
        "queue": "q",
        "permission": "read",
        "delay_s": "",
        "idempotency_key": "",
    }
    assert {name: shown[name] for name in expected} == expected


async def test_a_change_in_a_repository_is_asked_for_and_asked_for_again(browser: Open, site: Site) -> None:
    person = browser("producer")
    typed = {
        "repository": "/src/shop",
        "ref": "main",
        "setup_command": "npm ci",
        "check_command": "npm test &&\n  npm run lint",
        "setup_timeout_s": "20m",
        "check_timeout_s": "5m",
        "approve": "yes",
        "no_changes": "yes",
    }
    page = await person.post("/ui/new", [*(await filled(person, delay_s="1h", **typed)).items()])
    number = int(page.path.rpartition("/")[2])
    asked = site.db.one(
        "select repository, ref, setup_command, check_command, setup_timeout_s, check_timeout_s, approve, no_changes"
        " from tasks where number = %s",
        number,
    )
    assert asked == ("/src/shop", "main", "npm ci", "npm test &&\n  npm run lint", 1200, 300, True, "fail")
    again = form_fields(await person.get(f"/ui/new?like={number}"))
    assert {key: again[key] for key in typed} == typed
    plain = form_fields(await person.get("/ui/new"))
    assert not {"approve", "no_changes"} & set(plain)


async def test_a_repository_that_is_none_is_said_beside_its_field(browser: Open) -> None:
    person = browser("producer")
    page = await person.post(
        "/ui/new", [*(await filled(person, repository="../shop", approve="yes")).items()]
    )
    assert "repository" in complaints(page)
    assert form_fields(page)["approve"] == "yes"


async def test_only_who_acts_for_all_tenants_is_offered_the_repositories_of_the_host(
    browser: Open, site: Site
) -> None:
    for tenants, names in (((), ["docs", "shop"]), (("acme",), [])):
        page = await browser("producer", *tenants).get("/ui/new")
        offered = page.root.one("datalist", id="known-repository").all("option")
        assert [one["value"] for one in offered] == names
