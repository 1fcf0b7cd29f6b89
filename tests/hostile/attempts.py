"""An attempt on the rules of the database, and the roles it is tried as."""

from dataclasses import dataclass

APP, STAFF, WORKER, READER, OWNER = "lex_app", "lex_staff", "lex_worker", "lex_ro", "lex_owner"
EVERYBODY = (APP, STAFF, WORKER, READER)


@dataclass(frozen=True)
class Attempt:
    """Somebody tries `statement` as each of `roles`; the answer contains `refusal`, or is NOTHING.

    Names in braces stand for ids: `order`, `payment`, `review` … are Eve's own, those with `ada_` are Ada's.
    """

    what: str
    roles: tuple[str, ...]
    statement: str
    refusal: str
