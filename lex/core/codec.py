"""JSON in and out, the same everywhere: ids and instants as text, decimals as numbers in text."""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="string")


def encode(value: Any) -> bytes:
    """A value as UTF-8 JSON."""
    return _encoder.encode(value)


def decode(data: bytes | str) -> Any:
    """JSON as plain Python values. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(data)
