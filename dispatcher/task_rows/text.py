"""Values of JSON as text."""


def text_of(value: object) -> str:
    """Return a value of JSON as text: text stays itself, numbers stay as they were written, and lists become JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            import msgspec

            return msgspec.json.Encoder(decimal_format="number").encode(value).decode()
