"""Somebody wants to be erased: asked for with the password, done by a job when the waiting time is over.

Until then, and while something of theirs is open, one button takes it back. The last mail goes out once everything is
gone: its address is held in memory alone, so that it is lost if the process dies in that moment.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from lex.adapters.mail import Mail, MailDelayed, MailRefused, mailer
from lex.audit.commands import record
from lex.core import clock
from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Gone, NotFound, Refusal
from lex.core.settings import settings
from lex.db import jobs
from lex.db.session import Session, transact
from lex.flows.accounts.acting import lex_for
from lex.flows.accounts.ending import end_at_once
from lex.flows.accounts.sign_in import prove_again
from lex.flows.erase_person import Standing, erase, staff_stays, standing_of
from lex.flows.own_data.export import remove_exports
from lex.identity import accounts, own_data
from lex.identity.own_data import ErasureRequest
from lex.notifications.commands import notify
from lex.notifications.letters import Letter, render

_JOB = "erase_as_asked"
#: Seconds before the last mail is tried, and tried again.
_PAUSES = (0, 2, 10)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What somebody's erasure would meet: what is open, and their wish if they have said so. Staff are not erased."""

    standing: Standing
    request: ErasureRequest | None
    is_staff: bool

    @property
    def is_possible(self) -> bool:
        """Nothing stands against it."""
        return not self.is_staff and not self.standing.is_needed


@dataclass(frozen=True, slots=True)
class _Farewell:
    to: str
    letter: Letter


async def look_ahead(actor: Actor) -> Outlook:
    """How it stands with one's own erasure."""
    user_id, is_staff = actor.person, actor.role in STAFF

    async def work(session: Session) -> Outlook:
        standing = await standing_of(session, user_id)
        return Outlook(standing, await own_data.find_erasure(session, user_id), is_staff)

    return await transact(lex_for(actor), work)


async def ask_erasure(actor: Actor, password: str) -> ErasureRequest:
    """Want to be erased. Done by a job, at once or when `LEX_ERASURE_DAYS` are over.

    Raises `Invalid` (password), `WrongCredentials`, `SignInLocked`, `Conflict` (`staff_stays`, `person_is_needed`,
    `erasure_waiting`).
    """
    login = await prove_again(actor, password)
    assert login.role is not None
    if Role(login.role) in STAFF:
        raise staff_stays()
    user_id, days = actor.person, settings().erasure_days

    async def work(session: Session) -> ErasureRequest:
        (await standing_of(session, user_id)).require_none("You have")
        due_at = clock.real_now() + timedelta(days=days)
        request_id = await own_data.add_erasure(session, user_id, due_at)
        await _defer(session, request_id, due_at if days else None)
        if days:
            data = {"due_at": due_at.isoformat()}
            await notify(session, user_id=user_id, order_id=None, template="erasure_asked", data=data, priority="high")
        return ErasureRequest(request_id, user_id, due_at, clock.real_now())

    return await transact(lex_for(actor), work)


async def cancel_erasure(actor: Actor) -> None:
    """Take it back. Raises `NotFound` (`erasure_not_found`) when there is nothing to take back."""
    user_id = actor.person

    async def work(session: Session) -> None:
        if await own_data.cancel_erasure(session, user_id) is None:
            raise NotFound("You have not asked to be erased, or it is done.", code="erasure_not_found")
        await notify(session, user_id=user_id, order_id=None, template="erasure_canceled", data={})

    await transact(lex_for(actor), work)


@jobs.job(_JOB)
async def erase_as_asked(who: Actor, *, erasure_id: UUID) -> None:
    """Erase whoever asked, if the time has come and nothing is open; else `erase_due` has this done again later."""
    for request in await transact(who, lambda session: own_data.list_due_erasures(session, erasure_id)):
        try:
            farewell = await transact(who, partial(_erase, request=request))
        except Refusal as refusal:  # something is open, it was taken back, or somebody was faster
            _log.info("erasure waits", erasure_id=str(request.id), code=refusal.code)
            return
        await end_at_once(request.user_id)
        await remove_exports(who, request.user_id)
        await _say_goodbye(request, farewell)


async def erase_due(who: Actor) -> int:
    """Look again at everybody whose time has come, each in a job of their own; returns how many there are."""

    async def work(session: Session) -> int:
        due = await own_data.list_due_erasures(session)
        for request in due:
            await _defer(session, request.id)
        return len(due)

    return await transact(who, work)


async def _defer(session: Session, erasure_id: UUID, at: datetime | None = None) -> None:
    await jobs.defer(session, _JOB, schedule_at=at, queueing_lock=f"erasure:{erasure_id}", erasure_id=erasure_id)


async def _erase(session: Session, request: ErasureRequest) -> _Farewell:
    """The books of the person are locked first, as everywhere; then the wish must still stand."""
    profile = await accounts.get_profile(session, request.user_id)
    facts = {"shop": settings().shop_name, "language": profile.locale, "link": ""}
    letter = render("account_erased", profile.locale, facts)

    async def still_wanted() -> None:
        if not await own_data.lock_erasure(session, request):
            raise Gone("This wish was taken back.", code="erasure_not_found")

    await erase(session, request.user_id, before=still_wanted)
    await record(session, "erase", "users", request.user_id, {"asked": str(request.id)})
    return _Farewell(profile.email, letter)


async def _say_goodbye(request: ErasureRequest, farewell: _Farewell) -> None:
    letter = farewell.letter
    mail = Mail(str(request.id), farewell.to, letter.subject, letter.text, letter.html, "account_erased")
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        try:
            await mailer().send(mail)
        except MailRefused:
            break
        except MailDelayed:
            continue
        return
    _log.warning("the mail after an erasure was lost", erasure_id=str(request.id))
