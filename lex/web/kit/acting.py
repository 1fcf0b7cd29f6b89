"""For one of the staff who acts as a customer: every page says so at its top, and takes them back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar.connection import ASGIConnection

from lex.core.actor import system
from lex.core.errors import NotFound
from lex.db.session import transact
from lex.identity import accounts
from lex.identity.sessions import ACTING
from lex.web.kit import csrf
from lex.web.kit.actors import current_session, session_token
from lex.web.kit.edge import request_id_of

_NO_PAGES = ("/api/", "/static/", "/media/")


@dataclass(frozen=True, slots=True)
class Acting:
    """As whom, until when, and whether that is over: then nothing is done until they are themself again."""

    name: str
    until: datetime
    is_over: bool


async def look_for_acting(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Before a page is made: find out what it has to say. Asks nothing of anybody but staff who act."""
    is_page = not connection.scope["path"].startswith(_NO_PAGES)
    if not is_page or "acting" in connection.scope["state"] or not session_token(connection).startswith(ACTING):
        return
    held = await current_session(connection)
    if held is None or held.acted_by is None:
        return
    user_id = held.user_id
    try:
        lex = system(request_id_of(connection.scope))
        profile = await transact(lex, lambda session: accounts.get_profile(session, user_id))
        name = " ".join(filter(None, (profile.first_name, profile.last_name))) or profile.email
    except NotFound:  # erased meanwhile
        name = ""
    until = datetime.fromtimestamp(held.acts_until, UTC)
    connection.scope["state"]["acting"] = Acting(name, until, not held.is_complete)


def acting() -> Acting | None:
    """For templates: what `look_for_acting` found."""
    scope = csrf.current_scope.get()
    found: Acting | None = scope["state"].get("acting") if scope is not None else None
    return found
