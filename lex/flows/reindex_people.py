"""Find people by the newest blind index key: their e-mail, phone, words, uses of coupons and links to files.

All of a person moves in one transaction, so that whoever looks with both keys finds either all or all. What was hashed
is opened and hashed anew: words come from the person, from the recipients of their orders and, for whom may have taken
over orders of guests, from guests with the same e-mail.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from cryptography.exceptions import InvalidTag

from lex.core import clock, codec
from lex.db import sql
from lex.db.session import Session
from lex.identity import keyring
from lex.identity.ciphers import (
    Cipher,
    blind_index,
    blind_indexes,
    blind_tokens,
    normal_email,
    normal_mailbox,
    normal_phone,
)
from lex.identity.commands import Turned, hash_token
from lex.identity.queries import open_cipher
from lex.orders.downloads import link_token

_PERSON: LiteralString = """
SELECT u.id, u.role, u.email, u.email_blind_index, u.first_name, u.last_name, u.phone,
       u.email_verified_at IS NOT NULL AS is_verified, k.wrapped_key, k.key_id
FROM person_keys k JOIN users u ON u.id = k.user_id
WHERE k.wrapped_key IS NOT NULL AND """
_NEXT: LiteralString = (
    _PERSON + "k.blind_key_id <> %(newest)s AND k.user_id > %(last)s ORDER BY k.user_id LIMIT %(most)s"
    " FOR NO KEY UPDATE OF k, u"
)
_GUESTS: LiteralString = _PERSON + "u.role = 'guest' AND u.email_blind_index = ANY(%(indexes)s) ORDER BY u.id"
_NAMESAKES: LiteralString = (
    _PERSON + "k.blind_key_id <> %(newest)s AND (u.id = %(person_id)s OR u.email_blind_index = ANY(%(indexes)s))"
    " ORDER BY k.user_id FOR NO KEY UPDATE OF k, u"
)
_ONE: LiteralString = _PERSON + "u.id = %(person_id)s"

_ORDERS: LiteralString = """
SELECT o.user_id, o.id, o.email, o.billing_address, o.shipping_address, ARRAY(
    SELECT c.id FROM coupon_usages c WHERE c.order_id = o.id AND c.user_id = o.user_id
    AND c.email_blind_index IS NOT NULL) AS usages
FROM orders o WHERE o.user_id = ANY(%(users)s) ORDER BY o.id
"""

_LINKS: LiteralString = """
SELECT id, user_id FROM downloads WHERE user_id = ANY(%(users)s) AND expires_at > %(now)s
"""

_WRITE: LiteralString = """
WITH person AS (
    UPDATE users u SET email_blind_index = n.email, phone_blind_index = n.phone
    FROM unnest(%(users)s::uuid[], %(emails)s::bytea[], %(phones)s::bytea[]) AS n (id, email, phone) WHERE u.id = n.id
), used AS (
    UPDATE coupon_usages c SET email_blind_index = n.mailbox
    FROM unnest(%(usages)s::uuid[], %(mailboxes)s::bytea[]) AS n (id, mailbox)
    WHERE c.id = n.id AND c.user_id = ANY(%(users)s)
), link AS (
    UPDATE downloads d SET token_hash = n.hash FROM unnest(%(links)s::uuid[], %(hashes)s::bytea[]) AS n (id, hash)
    WHERE d.id = n.id AND d.user_id = ANY(%(users)s)
), gone AS (
    DELETE FROM blind_tokens t WHERE t.user_id = ANY(%(users)s) AND NOT EXISTS (
        SELECT FROM unnest(%(owners)s::uuid[], %(tokens)s::bytea[]) AS n (id, token)
        WHERE n.id = t.user_id AND n.token = t.token)
), word AS (
    INSERT INTO blind_tokens (user_id, token) SELECT * FROM unnest(%(owners)s::uuid[], %(tokens)s::bytea[])
    ON CONFLICT DO NOTHING
)
UPDATE person_keys SET blind_key_id = %(newest)s WHERE user_id = ANY(%(users)s)
"""


@dataclass(frozen=True, slots=True)
class _Person:
    id: UUID
    role: str
    email: bytes | None
    email_blind_index: bytes | None
    first_name: bytes | None
    last_name: bytes | None
    phone: bytes | None
    is_verified: bool
    wrapped_key: bytes
    key_id: str

    def cipher(self) -> Cipher:
        found = open_cipher(self.id, self.wrapped_key, self.key_id)
        assert found is not None
        return found

    def texts(self) -> dict[str, str | None]:
        """What stands in the person's own row. Raises `InvalidTag`."""
        cipher = self.cipher()
        return {
            name: cipher.open_optional(f"users.{name}", self.id, getattr(self, name))
            for name in ("email", "first_name", "last_name", "phone")
        }


@dataclass(frozen=True, slots=True)
class _Order:
    user_id: UUID
    id: UUID
    email: bytes | None
    billing_address: bytes | None
    shipping_address: bytes | None
    usages: list[UUID]


@dataclass(frozen=True, slots=True)
class _Link:
    id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class _Anew:
    """What a person is found by from now on."""

    email: bytes | None
    phone: bytes | None
    tokens: list[bytes]
    mailboxes: dict[UUID, bytes]


async def reindex_people(session: Session, newest: str, last: UUID, most: int) -> Turned:
    """Make all blind indexes of the next `most` persons after `last` anew. Whose data does not open stays as it was.

    Raises `Unavailable` (`key_missing`), `Conflict` (`email_taken`) when two accounts turn out to have one e-mail.
    """
    people = await sql.fetch_all(session, _NEXT, _Person, newest=newest, last=last, most=most)
    return await _reindex(session, people, newest)


async def reindex_while_turning(session: Session, person_id: UUID) -> None:
    """While the ring turns: make the indexes of a person, and of everybody with the same e-mail, the newest key's."""
    newest, *older = keyring.fresh().blind_keys
    if older:
        await _reindex_namesakes(session, newest, person_id)


async def _reindex_namesakes(session: Session, newest: str, person_id: UUID) -> None:
    person = await sql.fetch_one(session, _ONE, _Person, person_id=person_id)
    email = person.texts()["email"] if person else None
    if email is None:
        return
    indexes = blind_indexes("email", normal_email(email))
    people = await sql.fetch_all(session, _NAMESAKES, _Person, newest=newest, person_id=person_id, indexes=indexes)
    await _reindex(session, people, newest)


async def _reindex(session: Session, people: Sequence[_Person], newest: str) -> Turned:
    users = [person.id for person in people]
    if not users:
        return Turned([], [])
    orders: dict[UUID, list[_Order]] = {user: [] for user in users}
    for order in await sql.fetch_all(session, _ORDERS, _Order, users=users):
        orders[order.user_id].append(order)
    guests = await _guests_of(session, people)
    anew: dict[UUID, _Anew] = {}
    for person in people:
        with suppress(InvalidTag):
            known_as = [text for guest in guests[person.id] for text in guest.texts().values()]
            anew[person.id] = _made_anew(person, orders[person.id], known_as)
    if anew:
        links = await sql.fetch_all(session, _LINKS, _Link, users=list(anew), now=clock.now())
        await sql.execute(session, _WRITE, newest=newest, **_columns(anew, [link.id for link in links]))
    return Turned(list(anew), [user for user in users if user not in anew])


async def _guests_of(session: Session, people: Sequence[_Person]) -> dict[UUID, list[_Person]]:
    """The guests whose orders each may have taken over: those with the same e-mail, under whichever key."""
    holders: dict[bytes, UUID] = {}
    for person in people:
        if person.is_verified and person.role != "guest":
            with suppress(InvalidTag):
                holders |= dict.fromkeys(blind_indexes("email", normal_email(person.texts()["email"] or "")), person.id)
    found: dict[UUID, list[_Person]] = {person.id: [] for person in people}
    for guest in await sql.fetch_all(session, _GUESTS, _Person, indexes=list(holders)):
        found[holders[guest.email_blind_index or b""]].append(guest)
    return found


def _made_anew(person: _Person, orders: Sequence[_Order], known_as: Sequence[str | None]) -> _Anew:
    cipher, own = person.cipher(), person.texts()
    words: list[str | None] = [*own.values(), *known_as]
    mailboxes: dict[UUID, bytes] = {}
    for order in orders:
        for name in ("billing_address", "shipping_address"):
            address = cipher.open_optional(f"orders.{name}", order.id, getattr(order, name))
            words.append(codec.decode(address.encode()).get("recipient_name") if address else None)
        email = cipher.open_optional("orders.email", order.id, order.email) if order.usages else None
        if email is not None:
            mailboxes |= dict.fromkeys(order.usages, blind_index("mailbox", normal_mailbox(email)))
    email, phone = own["email"], own["phone"]
    return _Anew(
        blind_index("email", normal_email(email)) if email else None,
        blind_index("phone", normal_phone(phone)) if phone else None,
        blind_tokens(*words),
        mailboxes,
    )


def _columns(anew: dict[UUID, _Anew], links: list[UUID]) -> dict[str, Any]:
    words = [(user, token) for user, found in anew.items() for token in found.tokens]
    usages = {usage: mailbox for found in anew.values() for usage, mailbox in found.mailboxes.items()}
    return {
        "users": list(anew),
        "emails": [found.email for found in anew.values()],
        "phones": [found.phone for found in anew.values()],
        "owners": [user for user, _ in words],
        "tokens": [token for _, token in words],
        "usages": list(usages),
        "mailboxes": list(usages.values()),
        "links": links,
        "hashes": [hash_token(link_token(link)) for link in links],
    }
