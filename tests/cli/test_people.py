"""`lex people appoint` and `reopen`, as they are typed."""

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
