"""Refusals: what a domain raises when it says no.

A refusal carries a stable `code` for programs and a sentence that says what is wrong and what to do. One place in
`web/kit` turns it into a problem response; the command line prints the sentence. Anything else that is raised is a
bug.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field: its path (`lines.0.quantity`), what is wrong with it, and a stable code."""

    field: str
    message: str
    code: str = "invalid"

    @property
    def needs_its_field(self) -> bool:
        """Whether the sentence speaks of "it": away from its field, the field is named before it."""
        return self.message.startswith("It ")


class Refusal(Exception):
    """A domain says no. `status` is the HTTP status the problem response carries; `extra` joins its body."""

    status: ClassVar[int] = 409
    code: str = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.extra = dict(extra or {})


class Invalid(Refusal):
    """Input that cannot be accepted: names the field and the way out."""

    status = 422
    code = "invalid"

    def __init__(self, field: str, message: str, *, code: str = "invalid", more: Sequence[FieldError] = ()) -> None:
        super().__init__(message, errors=(FieldError(field, message, code), *more))

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> "Invalid":
        """All bad fields there are: the first in words, the rest beside it."""
        first, *more = errors
        return cls(first.field, first.message, code=first.code, more=more)


@contextmanager
def gathered(errors: list[FieldError]) -> Iterator[None]:
    """What a check inside the block raises as `Invalid` joins `errors`, and the next check goes on."""
    try:
        yield
    except Invalid as refusal:
        errors += refusal.errors


class NotFound(Refusal):
    """It does not exist, or not for this actor: a stranger cannot tell the difference."""

    status = 404
    code = "not_found"


class Forbidden(Refusal):
    """The actor is known and may not do this."""

    status = 403
    code = "forbidden"


class Unauthenticated(Refusal):
    """The request names nobody, or its key is wrong, revoked or expired."""

    status = 401
    code = "unauthenticated"


class Gone(Refusal):
    """It was there and has expired."""

    status = 410
    code = "gone"


class Conflict(Refusal):
    """The state of things does not allow it now."""

    status = 409
    code = "conflict"


class Unavailable(Refusal):
    """Something Lex needs is not answering; trying again later helps."""

    status = 503
    code = "unavailable"
