"""Invented buyers with keys, ciphertext and blind tokens of their own, as real ones have."""

import random
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from lex.core import codec, ids
from lex.identity.ciphers import Cipher, blind_index, blind_tokens, new_cipher, normal_email
from lex.identity.keyring import key_ring

FIRST = ("Ada", "Alan", "Carla", "Emil", "Frida", "Greta", "Hedy", "Jan", "Klara", "Nora", "Otto", "Rosa", "Zoe")
LAST = ("Bauer", "Fischer", "Huber", "Keller", "Koch", "Krause", "Lang", "Möller", "Peters", "Roth", "Schulz", "Wolf")
PLACES = (("Bremen", "28195"), ("Berlin", "10115"), ("Hamburg", "20095"), ("Köln", "50667"), ("München", "80331"))

_USERS: LiteralString = """
INSERT INTO users (id, role, email, email_blind_index, first_name, last_name)
SELECT id, 'user', email, index, first_name, last_name
FROM unnest(%s::uuid[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])
    AS u (id, email, index, first_name, last_name)
"""
_KEYS: LiteralString = """
INSERT INTO person_keys (user_id, wrapped_key, key_id, blind_key_id)
SELECT * FROM unnest(%s::uuid[], %s::bytea[], %s::text[], %s::text[])
"""
_TOKENS: LiteralString = "INSERT INTO blind_tokens (user_id, token) SELECT * FROM unnest(%s::uuid[], %s::bytea[])"


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys; `address` is the JSON an order seals."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    city: str
    postal_code: str
    address: str
    cipher: Cipher


def invent(dice: random.Random, number: int, country: str, first: int = 0) -> list[Buyer]:
    """As many people, told apart by a running number from `first` in their address."""
    found = []
    for place in range(first, first + number):
        first_name, last_name, (city, postal_code) = dice.choice(FIRST), dice.choice(LAST), dice.choice(PLACES)
        address = {
            "recipient_name": f"{first_name} {last_name}",
            "line1": f"Lange Straße {dice.randrange(1, 200)}",
            **{"city": city, "country": country, "postal_code": postal_code},
        }
        user_id = ids.new_id()
        email, sealed = f"{first_name}.{place}@example.org".lower(), codec.encode(address).decode()
        cipher = new_cipher(user_id)
        found.append(Buyer(user_id, email, first_name, last_name, city, postal_code, sealed, cipher))
    return found


def write(connection: Connection[Any], buyers: list[Buyer]) -> None:
    """Insert them all; PostgreSQL copies into no table that has policies."""
    blind = next(iter(key_ring().blind_keys))
    keys = [(one.id, one.cipher.wrapped.wrapped_key, one.cipher.wrapped.key_id, blind) for one in buyers]
    tokens = [(one.id, token) for one in buyers for token in blind_tokens(one.first_name, one.last_name, one.email)]
    for statement, rows in ((_USERS, [_sealed(one) for one in buyers]), (_KEYS, keys), (_TOKENS, tokens)):
        if rows:
            connection.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _sealed(one: Buyer) -> tuple[UUID, bytes, bytes, bytes, bytes]:
    def seal(column: str, text: str) -> bytes:
        return one.cipher.seal(f"users.{column}", one.id, text)

    index = blind_index("email", normal_email(one.email))
    return one.id, seal("email", one.email), index, seal("first_name", one.first_name), seal("last_name", one.last_name)
