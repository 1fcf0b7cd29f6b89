"""Refusals that only HTTP knows."""

from collections.abc import Sequence

from lex.core.errors import FieldError, Invalid, Refusal


class Malformed(Refusal):
    """The request cannot be read at all."""

    status = 400
    code = "malformed"


class NotAcceptable(Refusal):
    """The client takes none of the media types there are."""

    status = 406
    code = "not_acceptable"


class UnsupportedMediaType(Refusal):
    """The body is of a kind that is not read here."""

    status = 415
    code = "unsupported_media_type"


class InvalidFields(Invalid):
    """Input with one or several bad fields, all of them named."""

    def __init__(self, faults: Sequence[FieldError]) -> None:
        first = faults[0]
        sentence = f"{first.field}: {first.message[:1].lower()}{first.message[1:]}"
        if len(faults) > 1:
            sentence = f"{len(faults)} fields cannot be accepted; errors lists each."
        Refusal.__init__(self, sentence, errors=faults)
