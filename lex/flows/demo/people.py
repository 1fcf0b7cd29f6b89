"""The demo business's people: who works there, who buys, and how each gets in."""

import json
import os
import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import LiteralString
from uuid import UUID

from lex.core.actor import Actor, Role
from lex.db import sql
from lex.db.session import Session, transact
from lex.identity import accounts, passwords
from lex.identity import commands as identity
from lex.identity.api_keys import find_api_key
from lex.identity.ciphers import blind_indexes, normal_email

#: What a row is called, whose it is.
_PEOPLE = (
    ("Owner", Role.SUPER_ADMIN, "owner@spokeandthread.example", "Iris", "Vandermeer"),
    ("Staff", Role.MODERATOR, "staff@spokeandthread.example", "Mara", "Lindt"),
    ("Customer", Role.USER, "ada@spokeandthread.example", "Ada", "Lindqvist"),
)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

_PERSON: LiteralString = """
SELECT id, password FROM users WHERE email_blind_index = ANY(%(indexes)s) AND role <> 'guest' AND deleted_at IS NULL
"""


async def load_people(actor: Actor, home: Path, made: dict[str, int]) -> None:
    """Keys and passwords that still work are kept: what was written down yesterday opens the shop today."""
    kept = _read_kept(home)
    rows: dict[str, str] = {}
    for label, role, email, *names in _PEOPLE:
        user_id, password = await transact(actor, partial(_person, role, email, names))
        if role is not Role.USER:
            rows[f"{label} API key"] = await _key(actor, user_id, f"{label} API key", kept, made)
        rows[f"{label} sign-in"] = await _login(actor, user_id, email, password, kept.get(f"{label} sign-in", ""), made)
    if rows != kept:
        _keep(home, [{"label": label, "value": value} for label, value in rows.items()])


async def _person(role: Role, email: str, names: list[str], session: Session) -> tuple[UUID, str | None]:
    found = await sql.fetch_one(session, _PERSON, _Row, indexes=blind_indexes("email", normal_email(email)))
    if found is not None:
        return found.id, found.password
    made = await identity.create_user(session, role=role, email=email, first_name=names[0], last_name=names[1])
    return made.id, None


async def _key(actor: Actor, user_id: UUID, label: str, kept: dict[str, str], made: dict[str, int]) -> str:
    secret = kept.get(label, "")
    if not (secret and await find_api_key(secret)):
        secret = await transact(actor, lambda session: identity.create_api_key(session, user_id, f"Demo: {label}"))
        made["key"] = made.get("key", 0) + 1
    return secret


async def _login(
    actor: Actor, user_id: UUID, email: str, password: str | None, written: str, made: dict[str, int]
) -> str:
    """E-mail and password, apart by a space; a password somebody changed since is not brought back."""
    if written and password:
        return written
    chosen = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
    hashed = await passwords.keep(chosen)
    await transact(actor, lambda session: accounts.set_password(session, user_id, hashed, is_email_proven=True))
    made["sign-in"] = made.get("sign-in", 0) + 1
    return f"{email} {chosen}"


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    password: str | None


def _read_kept(home: Path) -> dict[str, str]:
    try:
        rows = json.loads((home / "demo.json").read_text("utf-8"))
        return {str(row["label"]): str(row["value"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _keep(home: Path, rows: list[dict[str, str]]) -> None:
    """Readable by the owner only, and never half written."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home / f".demo.json.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=2, ensure_ascii=False)
    draft.replace(home / "demo.json")
