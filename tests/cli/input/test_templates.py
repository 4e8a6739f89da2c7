"""Templates: what stands in double braces is replaced, and everything else is left alone."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.input.bulk.templates import Template
from dispatcher.errors import UsageError

plain = st.text().filter(lambda text: "{{" not in text)
names = st.text(min_size=1).filter(lambda name: not set(name) & set("{}\r\n") and name.strip() == name)
blanks = st.text(alphabet=" \t", max_size=3)


def render(template: str, **values: object) -> str:
    return Template.parse(template).render(values)


@given(plain)
def test_text_without_double_braces_is_itself(text: str) -> None:
    assert render(text) == text


@given(st.text())
def test_any_text_can_be_written_with_backslashes(text: str) -> None:
    escaped = ""
    for position, character in enumerate(text):
        # Backslashes count only before two braces that are followed by no third one.
        if text.startswith("{{", position) and not text.startswith("{{{", position):
            behind = len(escaped) - len(escaped.rstrip("\\"))
            escaped += "\\" * (behind + 1)
        escaped += character
    assert render(escaped) == text


@given(
    before=plain.filter(lambda text: not text.endswith(("{", "\\"))),
    name=names,
    left=blanks,
    right=blanks,
    value=st.text(),
    after=plain,
)
def test_a_value_stands_where_its_name_stood(
    before: str, name: str, left: str, right: str, value: str, after: str
) -> None:
    template = Template.parse(f"{before}{{{{{left}{name}{right}}}}}{after}")
    assert template.names == (name,)
    assert template.render({name: value}) == before + value + after


def test_a_value_is_never_a_template() -> None:
    assert render("{{a}}{{b}}", a="{{b}}", b=r"\{{a}}") == r"{{b}}\{{a}}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (r"\{{a}}", "{{a}}"),
        (r"\\{{a}}", r"\1"),
        (r"\\\{{a}}", r"\{{a}}"),
        ("{{{a}}}", "{1}"),
        (r"\textbf{{{a}}}", r"\textbf{1}"),
        ("a}} {a} }}{", "a}} {a} }}{"),
        (r"\n \ {{a}}\\", r"\n \ 1\\"),
    ],
)
def test_backslashes_and_braces_beside_each_other(template: str, expected: str) -> None:
    assert render(template, a="1") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (0, "0"),
        (10**30, "1" + "0" * 30),
        (Decimal("1.50"), "1.50"),
        ("", ""),
        (["a", 1.5, None], '["a",1.5,null]'),
        ({"a": Decimal("1.50")}, '{"a":1.50}'),
    ],
)
def test_values_of_json_read_as_they_were_written(value: object, expected: str) -> None:
    assert render("{{a}}", a=value) == expected


@pytest.mark.parametrize(
    ("template", "complaint", "hint"),
    [
        ("{{ modul }}", "no {{modul}}; there is module, size", "did you mean {{module}}?"),
        ("{{else}}", "no {{else}}; there is module, size", r"write \{{ for"),
        ("{{none}}", "{{none}} is null here", None),
        ("a\nb {{}}", r"line 2 of the template: {{ is not followed", r"write \{{ for"),
        ("{{a\n}}", r"line 1 of the template: {{ is not followed", r"write \{{ for"),
        ("${{", r"{{ is not followed by a name", r"write \{{ for"),
    ],
)
def test_a_name_that_is_not_there_is_refused(template: str, complaint: str, hint: str | None) -> None:
    values: dict[str, object] = {"module": "m", "size": 1}
    if hint is None:
        values["none"] = None
    with pytest.raises(UsageError) as refused:
        Template.parse(template).render(values)
    assert complaint in str(refused.value)
    assert (hint or "") in (refused.value.hint or "")
