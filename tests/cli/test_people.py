"""`lex people appoint`, `reopen` and `password-only`, as they are typed."""

import re

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.main import app

RUN = CliRunner()
_STAFF = "SELECT role, password IS NULL, (SELECT count(*) FROM account_tokens t WHERE t.user_id = u.id) FROM users u"


@pytest.mark.usefixtures("own_shop")
def test_the_first_of_the_staff_and_a_promotion(database_url: str) -> None:
    first = RUN.invoke(app, ["people", "appoint", "iris@example.org", "--role", "admin"])
    assert first.exit_code == 0, first.output
    again = RUN.invoke(app, ["people", "appoint", "IRIS@example.org", "--role", "super_admin"])
    links = [re.search(r"http://\S+/account/reset\?token=\S{43}", told.output) for told in (first, again)]
    assert all(links)
    with psycopg.connect(database_url) as connection:
        assert connection.execute(_STAFF).fetchall() == [("super_admin", True, 2)]


@pytest.mark.usefixtures("own_shop")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("appoint", "iris@example.org", "--role", "user"), "There is no staff role “user”"),
        (("appoint", "nobody"), "not an e-mail address"),
        (("reopen", "iris@example.org"), "There is no closed account"),
        (("password-only", "iris@example.org"), "No account with this address has a second factor"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], told: str) -> None:
    answer = RUN.invoke(app, ["people", *words])
    assert answer.exit_code != 0
    assert told in answer.output + str(answer.exception)


@pytest.mark.usefixtures("own_shop")
def test_a_closed_account_is_opened_again(database_url: str) -> None:
    RUN.invoke(app, ["people", "appoint", "iris@example.org"])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE users SET is_active = false")
        assert RUN.invoke(app, ["people", "reopen", "iris@example.org"]).exit_code == 0
        row = connection.execute("SELECT is_active FROM users").fetchone()
    assert row == (True,)


@pytest.mark.usefixtures("own_shop")
def test_whoever_lost_every_factor_comes_in_by_password_again(database_url: str) -> None:
    RUN.invoke(app, ["people", "appoint", "iris@example.org"])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE users SET two_factor_enabled = true, two_factor_step = 1, two_factor_secret = 'x'")
        connection.execute("INSERT INTO recovery_codes (id, user_id, code_hash) SELECT uuid_v7(), id, 'x' FROM users")
        connection.execute(
            "INSERT INTO passkeys (id, user_id, name, credential_id, public_key)"
            " SELECT uuid_v7(), id, 'x', 'x', 'x' FROM users"
        )
        assert RUN.invoke(app, ["people", "password-only", "IRIS@example.org"]).exit_code == 0
        assert RUN.invoke(app, ["people", "password-only", "iris@example.org"]).exit_code == 1
        left = "SELECT two_factor_enabled, (SELECT count(*) FROM passkeys), (SELECT count(*) FROM recovery_codes)"
        assert connection.execute(f"{left} FROM users").fetchone() == (False, 0, 0)
        jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'end_sessions'"
        assert connection.execute(jobs).fetchone() == (1,)
