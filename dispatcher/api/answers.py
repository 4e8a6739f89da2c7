"""How answers are written: JSON in which amounts of money are numbers, as the description says."""

from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.enums import MediaType
from litestar.serialization import default_serializer
from litestar.types import Serializer

Content = TypeVar("Content")

_JSON = msgspec.json.Encoder(decimal_format="number")


class Answer(Response[Content]):
    """An answer in JSON; texts and bytes are sent as they are."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        if media_type == MediaType.JSON:
            return _JSON.encode(content)
        return super().render(content, media_type, enc_hook)
