"""The page about permissions tells what is so."""

from pathlib import Path

import pytest
from litestar import Litestar

from lex.core import ids
from lex.core.actor import STAFF, Actor, Role
from lex.core.errors import Forbidden
from lex.identity.policy import ABOUT, Permission, demand_reach, reaches
from lex.web.app import create_app
from lex.web.permission_docs import permissions_page


@pytest.fixture
def own_app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application without the probe's routes."""
    return create_app()


def test_the_page_is_as_generated(own_app: Litestar) -> None:
    page = Path(__file__).parents[2] / "docs" / "permissions.md"
    assert page.read_text() == permissions_page(own_app), "python -m lex.web.permission_docs > docs/permissions.md"


def test_every_permission_is_explained() -> None:
    assert set(ABOUT) == set(Permission)


def who(role: Role, *scopes: Permission) -> Actor:
    """Somebody of a role."""
    return Actor(role, "user:me", ids.new_id(), scopes=tuple(scopes))


@pytest.mark.parametrize("role", Role)
def test_one_reaches_whom_one_stands_above(role: Role) -> None:
    reached = {other for other in Role if other is not Role.SYSTEM and reaches(who(role), ids.new_id(), other)}
    assert reached == {
        Role.SUPER_ADMIN: {*STAFF, Role.USER, Role.GUEST},
        Role.SYSTEM: {*STAFF, Role.USER, Role.GUEST},
        Role.ADMIN: {Role.MODERATOR, Role.USER, Role.GUEST},
    }.get(role, set())


def test_nobody_reaches_themself_and_a_narrow_key_no_staff() -> None:
    me = who(Role.SUPER_ADMIN)
    with pytest.raises(Forbidden) as refused:
        demand_reach(me, me.user_id, Role.SUPER_ADMIN)
    assert refused.value.code == "own_standing"
    narrow = who(Role.SUPER_ADMIN, Permission.CUSTOMERS_WRITE)
    assert reaches(narrow, ids.new_id(), Role.USER)
    assert not reaches(narrow, ids.new_id(), Role.USER, Role.ADMIN)
    assert not reaches(who(Role.SUPER_ADMIN, Permission.STAFF_WRITE), ids.new_id(), Role.USER, Role.ADMIN)
