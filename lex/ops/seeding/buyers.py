"""Invented buyers with keys, ciphertext and blind tokens of their own, as real ones have."""

import random
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from lex.core import codec, ids
from lex.identity.ciphers import Cipher, blind_index, blind_tokens, new_cipher, normal_email

FIRST = ("Ada", "Alan", "Carla", "Emil", "Frida", "Greta", "Hedy", "Jan", "Klara", "Nora", "Otto", "Rosa", "Zoe")
LAST = ("Bauer", "Fischer", "Huber", "Keller", "Koch", "Krause", "Lang", "Möller", "Peters", "Roth", "Schulz", "Wolf")
PLACES = (("Bremen", "28195"), ("Berlin", "10115"), ("Hamburg", "20095"), ("Köln", "50667"), ("München", "80331"))

_USERS: LiteralString = "COPY users (id, role, email, email_blind_index, first_name, last_name) FROM STDIN"
_KEYS: LiteralString = "COPY person_keys (user_id, wrapped_key, key_id) FROM STDIN"
_TOKENS: LiteralString = "COPY blind_tokens (user_id, token) FROM STDIN"


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
    """Copy them in."""
    with connection.cursor() as cursor:
        with cursor.copy(_USERS) as copy:
            for one in buyers:
                seal = one.cipher.seal
                index = blind_index("email", normal_email(one.email))
                names = (
                    seal("users.first_name", one.id, one.first_name),
                    seal("users.last_name", one.id, one.last_name),
                )
                copy.write_row((one.id, "user", seal("users.email", one.id, one.email), index, *names))
        with cursor.copy(_KEYS) as copy:
            for one in buyers:
                copy.write_row((one.id, one.cipher.wrapped.wrapped_key, one.cipher.wrapped.key_id))
        with cursor.copy(_TOKENS) as copy:
            for one in buyers:
                for token in blind_tokens(one.first_name, one.last_name, one.email):
                    copy.write_row((one.id, token))
