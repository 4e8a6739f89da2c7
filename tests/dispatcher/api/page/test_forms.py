"""Forms that no browser sends."""

from collections.abc import Callable

import httpx
import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import HERE, Browser

pytestmark = one_postgres

NOT_TEXT = b'--x\r\nContent-Disposition: form-data; name="back"\r\n\r\n\xff\xfe\r\n--x--\r\n'


@pytest.mark.parametrize(
    "path",
    ["login", "new", "tasks/preview", "tasks/actions", "tasks/{number}/cancel", "tasks/{number}/retry"],
)
async def test_a_form_that_is_not_text_is_refused_and_does_nothing(
    browser: Callable[..., Browser], site: Site, path: str
) -> None:
    number = site.db.submit(scheduled_at="2099-01-01T00:00:00Z").number
    person = browser("admin")
    answer: httpx.Response = await person.client.post(
        f"/ui/{path.format(number=number)}",
        content=NOT_TEXT,
        headers={"Origin": HERE, "Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 400
    assert "expected text in UTF-8" in answer.text
    assert site.db.value("select status from tasks where number = %s", number) == "queued"
