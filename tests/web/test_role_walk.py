"""Every route, asked as each of the roles by session and by API key, and as a stranger, against a table.

`role_walk.txt` has a row for each route. A new route needs a row: what this test prints for it, once somebody has read
it and agrees. The words: `yes` - it answers or refuses what was sent; `401`; `403`; `login` - the sign-in page. Rows
stand in the order of `LC_ALL=C sort -b -k2,2 -k1,1`.
"""

from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar

from lex.core import actor
from lex.core.actor import Role
from lex.core.settings import settings
from lex.db.session import transaction
from lex.identity.commands import create_api_key, create_user
from lex.identity.policy import Permission, permits
from lex.web.app import create_app
from lex.web.kit.guards import by_session, declared
from tests.web.conftest import Client
from tests.web.walk import ORIGIN, Door, cookie_of, doors, forget_limits

TABLE = Path(__file__).with_name("role_walk.txt")
ROLES = ("super_admin", "admin", "moderator", "user", "guest")
COLUMNS = (*ROLES, *ROLES, "stranger")
_WIDTHS = (72, *(13, 7, 11, 7, 9) * 2, 8)


@pytest.fixture
def app(web_settings: pytest.MonkeyPatch) -> Litestar:
    """The application as it is, with the sandbox's pages."""
    web_settings.setenv("LEX_LOG_LEVEL", "error")
    return create_app()


@pytest.fixture
async def people(client: Client) -> dict[str, tuple[UUID, dict[str, str]]]:
    """One of each role, with an API key that is narrowed by nothing."""
    made = {}
    async with transaction(actor.system()) as session:
        for role in ROLES:
            person = await create_user(session, role=role, email=f"{role}-{uuid4()}@example.org")
            made[role] = person.id, {"Authorization": f"Bearer {await create_api_key(session, person.id, 'walk')}"}
    return made


async def test_every_role_gets_what_the_table_says(
    app: Litestar,
    client: Client,
    people: dict[str, tuple[UUID, dict[str, str]]],
    redis_url: str,
    web_settings: pytest.MonkeyPatch,
) -> None:
    # As it is in production, where nothing is open that would be closed.
    web_settings.setenv("LEX_ENVIRONMENT", "production")
    web_settings.setenv("LEX_PAYMENT_PROVIDER", "stripe")
    web_settings.setenv("LEX_PASSWORD_COST", "12")
    settings.cache_clear()
    found = {}
    for door in doors(app):
        forget_limits(redis_url)
        told = []
        for role in ROLES:
            told.append(word_for(door, await door.knock(client, await cookie_of(people[role][0], role))))
        for role in ROLES:
            told.append(word_for(door, await door.knock(client, people[role][1] | {"Origin": ORIGIN})))
        told.append(word_for(door, await door.knock(client, {"Origin": ORIGIN})))
        found[str(door)] = told
    expected = table()
    changed = {name: words for name, words in found.items() if expected.get(name) != words}
    gone = expected.keys() - found.keys()
    assert not changed, "Routes that do not do what their row says, or have none:\n" + rows(changed)
    assert not gone, f"Rows without a route: {sorted(gone)}"


def word_for(door: Door, answer: httpx.Response) -> str:
    """What somebody got, in the table's words."""
    status = answer.status_code
    is_broken = status >= 500 and door.path != "/readyz"
    if is_broken or status in (401, 403, 429):  # a limit that the walk ran into is told too
        return str(status)
    is_led = status == 303 and answer.headers["location"].startswith("/account/sign-in?next=")
    return "login" if is_led else "yes"


def table() -> dict[str, list[str]]:
    """The rows by method and path."""
    lines = [line.split() for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {f"{method} {path}": words for method, path, *words in lines}


def rows(found: dict[str, list[str]]) -> str:
    """Rows as they stand in the table."""
    lines = []
    for name, words in found.items():
        cells = zip((name, *words), _WIDTHS, strict=True)
        lines.append(" ".join(cell.ljust(width - 1) for cell, width in cells).rstrip())
    return "\n".join(lines)


def test_the_table_is_in_order_and_whole() -> None:
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    names = [tuple(reversed(line.split()[:2])) for line in lines]
    assert names == sorted(set(names))
    assert {len(words) for words in table().values()} == {len(COLUMNS)}
    assert {word for words in table().values() for word in words} <= {"yes", "401", "403", "login"}


def test_rows_of_a_permission_agree_with_the_matrix_of_roles(app: Litestar) -> None:
    rows_read, looked = table(), 0
    for door in doors(app):
        guards = door.handler.resolve_guards()
        permission = declared(guards)
        if isinstance(permission, Permission):
            looked += 1
            words = rows_read[str(door)]
            asked = [*zip(ROLES, words, strict=False), ("guest", words[-1])]
            nobody = {"401", "login"}
            if by_session in guards or not door.path.startswith(("/api/", "/metrics")):
                assert set(words[len(ROLES) : -1]) <= {"403", *nobody}, f"{door} takes no key"
            else:
                asked += zip(ROLES, words[len(ROLES) :], strict=False)
            for role, word in asked:
                may = permits(Role(role), permission)
                assert word in ({"yes"} if may else nobody if role == "guest" else {"403"}), f"{door} {role}"
    assert looked > 10
