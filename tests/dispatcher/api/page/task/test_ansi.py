"""Nothing that an agent prints becomes a tag, an attribute or an entity of the page; its colours become classes."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.api.page.task.ansi import AnsiText, as_html
from dispatcher.terminal import harmless

pieces = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b[1;4;92m",
        "\x1b[0m",
        "\x1b[m",
        "\x1b[38;5;9m",
        "\x1b[38;5;208m",
        "\x1b[38;2;1;2;3m",
        "\x1b[48;5;1m",
        "\x9b35m",
        "\x1b[7;8m",
        "\x1b[?25l",
        "\x1b[>4;2m",
        "\x1b]8;;javascript:alert(1)\x07",
        "\x1b]0;",
        "\x1b[" + "9" * 5000 + "m",
        "\x1b",
        "\r\n",
        "\n",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '" class="x',
        "&lt;&#60;&amp;",
        "</span></pre>",
        "\u202e\u2066",
    ]
)
text = st.lists(pieces | st.text(max_size=4) | st.characters(), max_size=30).map("".join)


class Page(HTMLParser):
    """What a browser makes of HTML: the text that is seen, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = ""
        self.open: list[str] = []
        self.classes: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.seen += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "span"
        assert [name for name, _ in attrs] == ["class"]
        self.open.append(tag)
        self.classes += (attrs[0][1] or "").split()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def shown(text: str) -> str:
    return "\n".join(map(harmless, text.split("\n")))


@given(text)
def test_a_browser_sees_the_harmless_text_and_no_tag_but_our_spans(text: str) -> None:
    page = Page(str(as_html(text)))
    assert page.open == []
    assert harmless(page.seen) == page.seen
    assert all(one.startswith("ansi-") for one in page.classes)
    if not {"\u200d", "\ufe0f"} & set(text):  # a colour within an emoji takes it apart
        assert page.seen == shown(text)


@given(st.lists(text, max_size=5))
def test_texts_of_a_stream_show_the_same_as_their_lines_at_once(texts: list[str]) -> None:
    stream = AnsiText()
    lines = [line for text in texts for line in text.split("\n")]
    assert "\n".join(stream.feed(line) for line in lines) == as_html("\n".join(lines))


def test_colours_and_styles_become_classes() -> None:
    assert as_html("a\x1b[31mb\x1b[1mc\x1b[39md\x1b[0me") == (
        'a<span class="ansi-red">b</span><span class="ansi-red ansi-bold">c</span>'
        '<span class="ansi-bold">d</span>e'
    )
    assert as_html("\x1b[38;5;12mx") == as_html("\x1b[94mx") == '<span class="ansi-blue">x</span>'


def test_a_colour_without_a_class_leaves_the_text_as_it_is() -> None:
    assert as_html("\x1b[38;5;208mx\x1b[38;2;255;0;0my\x1b[48;5;1mz") == "xyz"


def test_text_cannot_be_hidden() -> None:
    assert as_html("\x1b[8mconcealed\x1b[7;40;30m") == "concealed"


def test_a_colour_holds_on_into_the_next_text() -> None:
    stream = AnsiText()
    assert stream.feed("\x1b[32mone\n") == '<span class="ansi-green">one</span>\n'
    assert stream.feed("two\x1b[0m") == '<span class="ansi-green">two</span>'
    assert stream.feed("three") == "three"
