"""How answers are written: JSON in which amounts of money are numbers, as they are on the command line."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.enums import MediaType
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.plugins import OpenAPISchemaPlugin
from litestar.serialization import default_serializer
from litestar.types import Serializer
from litestar.typing import FieldDefinition

Content = TypeVar("Content")

_JSON = msgspec.json.Encoder(decimal_format="number")


class Answer(Response[Content]):
    """An answer in JSON; texts and bytes are sent as they are."""

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        if media_type == MediaType.JSON:
            return _JSON.encode(content)
        return super().render(content, media_type, enc_hook)


class DescribedAmounts(OpenAPISchemaPlugin):
    """Describes a decimal as the number that :class:`Answer` writes."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return field_definition.annotation is Decimal

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:  # noqa: ARG002
        return Schema(type=OpenAPIType.NUMBER)
