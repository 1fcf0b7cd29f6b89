"""Where each role logs in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lex.core.actor import Actor, Role
from lex.core.errors import Invalid
from lex.core.settings import settings
from lex.db import roles
from lex.db.session import role_of

ADMIN = "postgresql://boss:secret@db.example/shop?sslmode=require"


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("LEX_HOME", str(tmp_path))
    monkeypatch.setenv("LEX_DATABASE_ROLE_SECRET", "known")
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def test_user_and_password_of_the_administering_address_are_replaced(own_settings: pytest.MonkeyPatch) -> None:
    address = roles.url_of("lex_app", ADMIN)
    assert address.startswith("postgresql://lex_app:")
    assert address.endswith("@db.example/shop?sslmode=require")
    passwords = {roles.password_of(role, ADMIN) for role in roles.LOGINS}
    assert len(passwords) == len(roles.LOGINS)
    assert {len(password) for password in passwords} == {43}


def test_an_address_of_its_own_comes_first(own_settings: pytest.MonkeyPatch) -> None:
    own_settings.setenv("LEX_APP_DATABASE_URL", "postgresql://lex_app:mine@pooler.example/shop")
    settings.cache_clear()
    assert roles.url_of("lex_app", "") == "postgresql://lex_app:mine@pooler.example/shop"
    assert roles.password_of("lex_app", ADMIN) == "mine"


def test_a_home_without_the_secret_says_what_to_do(own_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_settings.delenv("LEX_DATABASE_ROLE_SECRET")
    settings.cache_clear()
    with pytest.raises(Invalid, match="lex db roles"):
        roles.url_of("lex_app", ADMIN)
    roles.make_secret()
    kept = roles.url_of("lex_app", ADMIN)
    roles.make_secret()
    assert roles.url_of("lex_app", ADMIN) == kept
    assert (tmp_path / "secrets" / "database-roles").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("role", "login"),
    [
        *((role, "lex_staff") for role in (Role.SUPER_ADMIN, Role.ADMIN, Role.MODERATOR)),
        *((role, "lex_app") for role in (Role.USER, Role.GUEST)),
        (Role.SYSTEM, "lex_worker"),
    ],
)
def test_who_works_as_what(role: Role, login: str) -> None:
    assert role_of(Actor(role, "key")) == login
