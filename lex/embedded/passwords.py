"""The servers' passwords: made once per home, in `embedded.json` (mode 0600)."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from lex.core.errors import Refusal
from lex.embedded.files import Lock, write_private


@dataclass(frozen=True, slots=True)
class Passwords:
    """Of PostgreSQL's superuser (for the supervisor only), of the database's owner `lex`, and of Valkey."""

    superuser: str
    owner: str
    cache: str

    @classmethod
    def of(cls, home: Path) -> Self:
        """Read them, or make them in a home that has none; two programs at once get the same."""
        file = home / "embedded.json"
        with Lock(home / "embedded.lock") as lock:
            lock.take(patience=10)
            if not file.exists():
                write_private(file, json.dumps(asdict(cls(*(secrets.token_urlsafe(24) for _ in range(3))))))
            return cls.read(home)

    @classmethod
    def read(cls, home: Path) -> Self:
        """Read them; raises a `Refusal` when the file is not what Lex wrote."""
        try:
            return cls(**json.loads((home / "embedded.json").read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise Refusal(
                f"{home / 'embedded.json'} cannot be read: {error}. Put it back from a backup.", code="wrong_password"
            ) from error
