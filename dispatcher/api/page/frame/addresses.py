"""Addresses within the page."""

from urllib.parse import quote, urlsplit

from litestar.response import Redirect

START = "/ui/"


def own_address(text: str | None) -> str:
    """Return ``text`` if it is the path of one of our pages, perhaps with a query, otherwise the start page.

    A browser reads backslashes as slashes and skips line ends, so text with either leads nowhere but to the start.
    """
    if not text or not text.startswith(START) or "\\" in text or not text.isprintable() or not text.isascii():
        return START
    parts = urlsplit(text)
    inside = not parts.scheme and not parts.netloc and ".." not in parts.path.split("/")
    return text if inside and not parts.path.startswith("/ui/log") else START


def go_to(address: str) -> Redirect:
    """Return a redirect that a browser follows with GET, so that a reload repeats no form."""
    return Redirect(address, status_code=303)


def login_page(back: str) -> str:
    """Return the address of the login page, which leads ``back`` to one of our pages."""
    back = own_address(back)
    return "/ui/login" if back == START else f"/ui/login?next={quote(back, safe='/')}"
