"""End sessions: at sign-out, from the list of devices, and wherever what they say of their owner is no longer so.

A change that ends sessions puts a job beside itself, in its own transaction: it ends them even when Redis is gone at
that moment. So does the database itself when a role or standing changes, whoever changes it (`tr_users_sessions`).
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from lex.core import clock
from lex.core.actor import Actor
from lex.core.errors import NotFound, Unavailable
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import Event, lex_for, note
from lex.identity import sessions
from lex.identity.tokens import revoke_tokens

_JOB = "end_sessions"


async def end_ways_in(session: Session, user_id: UUID, *, but: UUID | None = None) -> None:
    """With a new password or address: keys mailed before open nothing, and every session that somebody has begun by
    now ends, `but` one, once this transaction is committed."""
    await revoke_tokens(session, user_id)
    await end_sessions_soon(session, user_id, but=but)


async def end_sessions_soon(session: Session, user_id: UUID, *, but: UUID | None) -> None:
    """Every session that somebody has begun by now ends, `but` one, once this transaction is committed."""
    before = clock.real_now().isoformat()
    await jobs.defer(session, _JOB, user_id=user_id, before=before, but=but or "", priority=20)


async def end_at_once(user_id: UUID, *, but: UUID | None = None) -> None:
    """After that commit: end them now. While Redis is gone they open nothing, and the job ends them."""
    with suppress(Unavailable):
        await sessions.end_all(user_id, but=but)


@jobs.job(_JOB)
async def end_sessions(_: Actor, *, user_id: UUID, before: str, but: str = "") -> None:
    """End the sessions of somebody that began before an instant, `but` one. Tried again until Redis has heard of it."""
    kept = UUID(but) if but else None
    await sessions.end_all(user_id, before=datetime.fromisoformat(before).timestamp(), but=kept)


async def sign_out(actor: Actor, token: str, held: sessions.Session) -> None:
    """End the session of this browser; of somebody who acts as a customer, their own with it. Raises `Unavailable`."""
    await sessions.end(token, held)
    if held.acted_by is not None:
        await note_stop(actor, held)
    own_id = held.acted_by or held.user_id
    await transact(lex_for(actor, own_id), lambda session: note(session, Event.SIGN_OUT, own_id))


async def make_way(actor: Actor, token: str, held: sessions.Session) -> None:
    """End the session of this browser, for another that was begun in it, if Redis can be told."""
    with suppress(Unavailable):
        await sessions.end(token, held)
    if held.acted_by is not None:
        await note_stop(actor, held)


async def note_stop(actor: Actor, held: sessions.Session) -> None:
    """Tell the audit that one of the staff acts as a customer no more."""
    both = replace(lex_for(actor, held.user_id), acted_by=held.acted_by)
    await transact(both, lambda session: note(session, Event.ACTING_ENDED, held.user_id))


async def sign_out_there(actor: Actor, user_id: UUID, session_id: UUID) -> None:
    """End one of one's sessions in another browser. Raises `NotFound`, `Unavailable`."""
    if not await sessions.end_one(user_id, session_id):
        raise NotFound("You are not signed in there any more.", code="session_not_found")
    await transact(
        lex_for(actor), lambda session: note(session, Event.SESSION_ENDED, user_id, session_id=str(session_id))
    )


async def sign_out_elsewhere(actor: Actor, user_id: UUID, but: UUID) -> int:
    """End one's sessions in every other browser; returns how many. Raises `Unavailable`."""
    ended = await sessions.end_all(user_id, but=but)
    await transact(lex_for(actor), lambda session: note(session, Event.SESSION_ENDED, user_id, others=ended))
    return ended
