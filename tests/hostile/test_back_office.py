"""What the back office's connection is refused: raising itself, deciding in another's name, writing others' words.

Each attempt is one statement over a plain connection as `lex_staff`, in the name of whoever the test says; with two at
once the last super_admin stays too.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.roles import act, connect_as
from tests.support.rows import Rows

STAFF, WORKER, APP = "lex_staff", "lex_worker", "lex_app"
ROLES = ("super_admin", "admin", "moderator", "user")
HASH = f"$2b$12${'x' * 53}"


class Office:
    """Two of each role, a product, and a review of `user` about it."""

    def __init__(self, url: str, rows: Rows) -> None:
        self.url, self.rows = url, rows
        self.people = {f"{role}{n}": rows.add("users", role=role)["id"] for role in ROLES for n in ("", "2")}
        for person in self.people.values():
            rows.add("person_keys", user_id=person)
        self.product = rows.add("products")["id"]
        self.review = self.written_by("user")
        self.open: dict[str, psycopg.Connection[Any]] = {role: connect_as(role, url) for role in (STAFF, WORKER, APP)}

    def written_by(self, name: str) -> UUID:
        """A pending review."""
        return self.rows.add("reviews", user_id=self.people[name], product_id=self.product)["id"]

    def tried(self, me: str | None, statement: str, role: str = STAFF) -> str:
        """What PostgreSQL says to it in the name of `me`; taken back."""
        connection = self.open[role]
        act(connection, self.people[me] if me else None)
        names = {name: f"'{id}'" for name, id in self.people.items()}
        text = statement.format(**names, review=f"'{self.review}'", product=f"'{self.product}'")
        try:
            with connection.transaction(force_rollback=True):
                return f"{connection.execute(text.encode()).rowcount} rows"
        except psycopg.Error as error:
            return f"{error.diag.constraint_name or error.sqlstate}: {error}"


@pytest.fixture(scope="module")
def office(cluster: Cluster, template: str) -> Iterator[Office]:
    """Shared by the tests of this file, which take back or make anew what they change."""
    for url in temporary_database(cluster, template):
        yield from opened(url)


@pytest.fixture
def own_office(database_url: str) -> Iterator[Office]:
    """One for a test that commits."""
    yield from opened(database_url)


def opened(url: str) -> Iterator[Office]:
    """An office, and its connections closed at the end."""
    with Rows(url) as rows:
        made = Office(url, rows)
        yield made
        for connection in made.open.values():
            connection.close()


SET_ROLE = "UPDATE users SET role = '{}' WHERE id = {{{}}}"
#: who acts, the statement, and the constraint that refuses it; None: it is theirs to do
STANDING = [
    ("moderator", SET_ROLE.format("admin", "moderator"), "ck_users_own_promotion"),
    ("admin", SET_ROLE.format("super_admin", "admin"), "ck_users_own_promotion"),
    ("moderator", SET_ROLE.format("moderator", "user"), "ck_users_standing"),
    ("admin", SET_ROLE.format("admin", "user"), "ck_users_standing"),
    ("admin", SET_ROLE.format("super_admin", "moderator"), "ck_users_standing"),
    ("admin", SET_ROLE.format("user", "admin2"), "ck_users_standing"),
    ("admin", SET_ROLE.format("user", "super_admin"), "ck_users_standing"),
    ("user", SET_ROLE.format("moderator", "user2"), "ck_users_standing"),
    (None, SET_ROLE.format("moderator", "user"), "ck_users_standing"),
    ("admin", SET_ROLE.format("moderator", "user"), None),
    ("super_admin", SET_ROLE.format("super_admin", "admin"), None),
    ("super_admin", SET_ROLE.format("user", "super_admin2"), None),
    ("admin", SET_ROLE.format("user", "admin"), None),
    ("admin", "INSERT INTO users (id, role) VALUES (public.uuid_v7(), 'super_admin')", "ck_users_standing"),
    ("super_admin", "INSERT INTO users (id, role) VALUES (public.uuid_v7(), 'super_admin')", None),
    ("admin", "UPDATE users SET is_active = false WHERE id = {admin2}", "ck_users_standing"),
    ("moderator", "UPDATE users SET deleted_at = now() WHERE id = {super_admin}", "ck_users_standing"),
    ("admin", f"UPDATE users SET password = '{HASH}' WHERE id = {{super_admin}}", "ck_users_standing"),
    ("admin", "UPDATE users SET two_factor_enabled = true WHERE id = {super_admin}", "ck_users_standing"),
    ("moderator", "UPDATE users SET email_verified_at = now() WHERE id = {super_admin}", "ck_users_standing"),
    ("moderator", "UPDATE users SET two_factor_step = 9999999999 WHERE id = {super_admin}", "ck_users_standing"),
    ("moderator", "UPDATE users SET email_blind_index = 'mine' WHERE id = {admin}", "ck_users_standing"),
    ("moderator", "UPDATE users SET id = {moderator}, role = 'admin' WHERE id = {moderator2}", "ck_users_standing"),
    ("admin", f"UPDATE users SET password = '{HASH}' WHERE id = {{moderator}}", None),
    ("admin", f"UPDATE users SET password = '{HASH}' WHERE id = {{admin}}", None),
    ("moderator", "UPDATE users SET is_active = false WHERE id = {user}", None),
]


@pytest.mark.parametrize(("me", "statement", "refusal"), STANDING)
def test_staff_reach_those_below_them(office: Office, me: str | None, statement: str, refusal: str | None) -> None:
    said = office.tried(me, statement)
    assert said.startswith(refusal or "1 rows"), said


def test_whoever_was_deactivated_does_not_come_back_by_their_own_hand(office: Office) -> None:
    office.rows.run("UPDATE users SET is_active = false WHERE id = %s", office.people["moderator2"])
    for change in ("is_active = true", f"password = '{HASH}'"):
        said = office.tried("moderator2", f"UPDATE users SET {change} WHERE id = {{moderator2}}")
        assert said.startswith("ck_users_standing"), said
    assert office.tried("moderator2", SET_ROLE.format("guest", "user")).startswith("ck_users_standing")
    office.rows.run("UPDATE users SET is_active = true WHERE id = %s", office.people["moderator2"])


def test_jobs_and_commands_appoint_and_raise_nobody_who_asks_for_themself(office: Office) -> None:
    assert office.tried(None, SET_ROLE.format("super_admin", "user"), WORKER) == "1 rows"
    assert office.tried("moderator", SET_ROLE.format("admin", "moderator"), WORKER).startswith("ck_users_own_promotion")


@pytest.mark.parametrize("change", ["role = 'guest'", "role = 'admin'", "is_active = false", "password = NULL"])
def test_customers_change_nobodys_standing(office: Office, change: str) -> None:
    assert "permission denied" in office.tried("user", f"UPDATE users SET {change} WHERE id = {{user}}", APP)


INSERT_KEY = (
    "INSERT INTO api_keys (id, user_id, name, prefix, token_hash)"
    " VALUES (public.uuid_v7(), {{{}}}, 'mine', 'lex_', 'known')"
)
KEYS = [
    ("moderator", INSERT_KEY.format("super_admin"), "ck_api_keys_standing"),
    ("admin", INSERT_KEY.format("admin2"), "ck_api_keys_standing"),
    ("moderator", INSERT_KEY.format("moderator"), None),
    ("super_admin", INSERT_KEY.format("admin"), None),
    ("admin", INSERT_KEY.format("user"), None),
]


@pytest.mark.parametrize(("me", "statement", "refusal"), KEYS)
def test_nobody_makes_a_key_that_acts_as_somebody_above(
    office: Office, me: str, statement: str, refusal: str | None
) -> None:
    said = office.tried(me, statement)
    assert said.startswith(refusal or "1 rows"), said


def test_a_key_is_not_turned_into_another(office: Office) -> None:
    office.rows.add(
        "api_keys", user_id=office.people["moderator"], revoked_at=datetime.now(UTC), scopes=["orders.read"]
    )
    changes = (
        *("user_id = {super_admin}", "token_hash = 'known'", "prefix = 'other'", "scopes = '{{}}'"),
        *("expires_at = now() + interval '9 years'", "kind = 'personal', expires_at = now()", "revoked_at = NULL"),
    )
    for role in (STAFF, WORKER):
        for change in changes:
            said = office.tried("moderator", f"UPDATE api_keys SET {change}", role)
            assert said.startswith("ck_api_keys_frozen"), said


# The last super_admin


def alone(office: Office) -> str:
    """From here on there is one super_admin; what brings the other back."""
    office.rows.run("UPDATE users SET role = 'admin' WHERE id = %s", office.people["super_admin2"])
    return "UPDATE users SET role = 'super_admin' WHERE id = %s"


@pytest.mark.parametrize("role", [STAFF, WORKER])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET role = 'admin' WHERE role = 'super_admin'",
        "UPDATE users SET is_active = false WHERE role = 'super_admin'",
        "UPDATE users SET deleted_at = now() WHERE id = {super_admin}",
    ],
)
def test_the_last_super_admin_stays(office: Office, role: str, change: str) -> None:
    back = alone(office)
    try:
        assert office.tried("super_admin", change, role).startswith("ck_users_last_super_admin")
    finally:
        office.rows.run(back, office.people["super_admin2"])


def test_all_super_admins_at_once_are_the_last_too(office: Office) -> None:
    for change in ("UPDATE users SET role = 'user' WHERE role = 'super_admin'", "DELETE FROM users"):
        said = office.tried(None, change, WORKER)
        assert said.startswith(("ck_users_last_super_admin", "fk_")), said
    office.rows.run("UPDATE users SET role = 'user' WHERE id = %s", office.people["super_admin2"])
    keyless = "WITH keys AS (DELETE FROM person_keys) DELETE FROM users WHERE role = 'super_admin'"
    said = office.tried(None, keyless, WORKER)
    office.rows.run("UPDATE users SET role = 'super_admin' WHERE id = %s", office.people["super_admin2"])
    assert said.startswith("ck_users_last"), said


def test_two_who_demote_each_other_leave_one(own_office: Office) -> None:
    """The first is held before it commits: the second has to wait for it and is then refused."""
    first, second = own_office.people["super_admin"], own_office.people["super_admin2"]
    demote, said = "UPDATE users SET role = 'user' WHERE id = %s", []
    with connect_as(STAFF, own_office.url, first) as one, connect_as(STAFF, own_office.url, second) as two:

        def counter() -> None:
            try:
                two.execute(demote, (first,))
            except psycopg.Error as error:
                said.append(error.diag.constraint_name)

        with one.transaction():
            one.execute(demote, (second,))
            waiter = threading.Thread(target=counter)
            waiter.start()
            pid = two.info.backend_pid
            waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted AND locktype = 'advisory'"
            while waiter.is_alive() and not own_office.rows.one(waits, pid):
                waiter.join(0.02)
        waiter.join(20)
    assert said == ["ck_users_last_super_admin"]
    assert own_office.rows.column("SELECT id FROM users WHERE role = 'super_admin'") == [first]


def test_an_older_snapshot_is_no_way_around(office: Office) -> None:
    statement = "BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE users SET role = 'user' WHERE role = 'super_admin'"
    with connect_as(WORKER, office.url) as worker, pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused:
        worker.execute(statement)
    assert refused.value.diag.constraint_name == "ck_users_isolation"


# Reviews

DECIDE = "UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = {} WHERE id = {{review}}"
WRITE = "INSERT INTO reviews (id, user_id, product_id, rating) VALUES (public.uuid_v7(), {moderator2}, {product}, 5)"
REVIEWS = [
    ("moderator", DECIDE.format("NULL"), "ck_reviews_moderator"),
    ("moderator", DECIDE.format("{admin}"), "ck_reviews_moderator"),
    (None, DECIDE.format("{moderator}"), "ck_reviews_moderator"),
    ("user2", DECIDE.format("{user2}"), "ck_reviews_moderator"),
    ("moderator", "UPDATE reviews SET rating = 1 WHERE id = {review}", "ck_reviews_words"),
    ("moderator", "UPDATE reviews SET body = 'Bad' WHERE id = {review}", "ck_reviews_words"),
    ("moderator", "UPDATE reviews SET user_id = {user2} WHERE id = {review}", "ck_reviews_words"),
    ("moderator", WRITE, "ck_reviews_words"),
    ("moderator2", WRITE, None),
    ("moderator", DECIDE.format("{moderator}"), None),
]


@pytest.mark.parametrize(("me", "statement", "refusal"), REVIEWS)
def test_staff_decide_about_reviews_and_write_none(
    office: Office, me: str | None, statement: str, refusal: str | None
) -> None:
    said = office.tried(me, statement)
    assert said.startswith(refusal or "1 rows"), said


def test_staff_do_not_decide_about_their_own(office: Office) -> None:
    own = office.written_by("moderator")
    approve = f"UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = {{}} WHERE id = '{own}'"
    assert office.tried("moderator", approve.format("{moderator}")).startswith("ck_reviews_moderated_by")
    assert office.tried("moderator", approve.format("NULL")).startswith("ck_reviews_moderator")


def test_words_that_were_approved_wait_again_when_their_author_changes_them(office: Office) -> None:
    own = office.written_by("admin2")
    with connect_as(STAFF, office.url, office.people["moderator"]) as staff:
        decide = "UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = %s WHERE id = %s"
        staff.execute(decide, (office.people["moderator"], own))
        act(staff, office.people["admin2"])
        rewrite = "UPDATE reviews SET body = 'Other' WHERE id = %s RETURNING status, moderated_by, moderated_at"
        assert staff.execute(rewrite, (own,)).fetchone() == ("pending", None, None)
        at_once = "UPDATE reviews SET body = 'More', status = 'rejected', moderated_at = now() WHERE id = %s"
        with pytest.raises(psycopg.errors.CheckViolation, match="by staff only"):
            staff.execute(at_once, (own,))


@pytest.mark.parametrize("role", [APP, WORKER])
def test_nobody_else_touches_who_decided(office: Office, role: str) -> None:
    office.rows.run("DELETE FROM reviews WHERE user_id = %s", office.people["user2"])
    own = office.written_by("user2")
    with connect_as(STAFF, office.url, office.people["moderator"]) as staff:
        staff.execute(
            "UPDATE reviews SET status = 'approved', moderated_at = now(), moderated_by = %s WHERE id = %s",
            (office.people["moderator"], own),
        )
    said = office.tried("user2", f"UPDATE reviews SET moderated_by = {{admin}} WHERE id = '{own}'", role)
    assert said.startswith("ck_reviews_moderation"), said


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
def test_nobody_says_that_they_bought_it(office: Office, role: str) -> None:
    office.rows.run("DELETE FROM reviews WHERE user_id = %s", office.people["super_admin2"])
    me = office.people["super_admin2"]
    connection = office.open[role]
    act(connection, me)
    written = connection.execute(
        "INSERT INTO reviews (id, user_id, product_id, rating, is_verified_purchase)"
        " VALUES (public.uuid_v7(), %s, %s, 5, true) RETURNING id, is_verified_purchase",
        (me, office.product),
    ).fetchone()
    assert written is not None
    assert written[1] is False
    say = "UPDATE reviews SET is_verified_purchase = true WHERE id = %s RETURNING is_verified_purchase"
    assert connection.execute(say, (written[0],)).fetchone() == (False,)


@pytest.mark.parametrize(
    ("line", "order", "is_bought"),
    [
        ("itself", {"payment_status": "paid", "status": "confirmed"}, True),
        ("variant", {"payment_status": "paid", "status": "confirmed"}, True),
        ("itself", {"payment_status": "partially_refunded", "status": "completed"}, True),
        ("itself", {}, False),
        ("itself", {"payment_status": "refunded", "status": "completed"}, False),
        ("other", {"payment_status": "paid", "status": "confirmed"}, False),
    ],
)
def test_a_paid_order_is_a_verified_purchase(rows: Rows, line: str, order: dict[str, str], is_bought: bool) -> None:
    itself = rows.add("products")["id"]
    variant = rows.add("products", variant_of=itself, sku="V", slug="v")["id"]
    other = rows.add("products", sku="O", slug="o")["id"]
    rows.add("users", role="user")
    rows.add("orders", **order)
    rows.add("order_items", product_id={"itself": itself, "variant": variant, "other": other}[line])
    assert rows.add("reviews", product_id=itself)["is_verified_purchase"] is is_bought
