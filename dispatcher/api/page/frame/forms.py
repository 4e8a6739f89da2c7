"""What a form of the page sends."""

from dataclasses import dataclass

from litestar.datastructures import FormMultiDict, UploadFile

from dispatcher.api.caller import ApiRequest
from dispatcher.durations import seconds_of
from dispatcher.errors import UsageError


@dataclass(frozen=True)
class Form:
    """The fields of a form. A field that was not sent is empty."""

    fields: FormMultiDict

    def text(self, name: str) -> str:
        """Return what was typed, with line ends as they are everywhere but in forms."""
        value = self.fields.get(name, "")
        return value.replace("\r\n", "\n") if isinstance(value, str) else ""

    def files(self, name: str) -> list[UploadFile]:
        """Return the files that were chosen."""
        return [file for file in self.fields.getall(name, []) if isinstance(file, UploadFile)]


async def form_of(request: ApiRequest) -> Form:
    """Read the form of a request. Raises :class:`UsageError` for one that is no text."""
    try:
        return Form(await request.form())
    except (UnicodeDecodeError, LookupError) as error:
        raise UsageError("the form is not valid: expected text in UTF-8") from error


def seconds(typed: str) -> int:
    """Return a length of time that was typed, in seconds. Raises :class:`UsageError`."""
    try:
        return seconds_of(typed)
    except ValueError as error:
        raise UsageError(str(error)) from None
