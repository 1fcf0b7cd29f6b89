"""`lex tokens`, as it is typed."""

import json

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from lex.identity.key_forms import is_key

RUN = CliRunner()
_IRIS = "iris@example.org"


@pytest.mark.usefixtures("own_shop")
def test_make_list_and_revoke(database_url: str) -> None:
    RUN.invoke(app, ["people", "appoint", _IRIS, "--role", "moderator"])
    words = ["tokens", "make", _IRIS, "Till", "--scope", "orders.read", "--application", "--never-expires", "--json"]
    answer = RUN.invoke(app, words)
    assert answer.exit_code == 0, answer.output
    made = json.loads(answer.output)
    assert is_key(made["secret"])
    listed = json.loads(RUN.invoke(app, ["tokens", "list", "--json"]).output)
    assert [(key["name"], key["kind"], key["scopes"], key["expires_at"]) for key in listed] == [
        ("Till", "application", ["orders.read"], None)
    ]
    assert "never" in RUN.invoke(app, ["tokens", "list"]).output
    assert RUN.invoke(app, ["tokens", "revoke", made["id"]]).exit_code == 0
    assert json.loads(RUN.invoke(app, ["tokens", "list", "--json"]).output) == []
    assert RUN.invoke(app, ["tokens", "revoke", made["id"]]).exit_code != 0
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT action FROM audit_logs WHERE action LIKE '%_token' ORDER BY id").fetchall()
    assert told == [("make_token",), ("revoke_token",)]


@pytest.mark.usefixtures("own_shop")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("make", "nobody@example.org", "x", "--scope", "account.read"), "no account with this address"),
        (("make", _IRIS, "x", "--scope", "staff.write"), "nothing your account can give"),
        (("make", _IRIS, "x", "--scope", "account.read", "--never-expires"), "A personal token expires"),
        (("make", _IRIS, " ", "--scope", "account.read"), "It is empty"),
        (("make", _IRIS, "x"), "scope"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], told: str) -> None:
    RUN.invoke(app, ["people", "appoint", _IRIS, "--role", "moderator"])
    answer = RUN.invoke(app, ["tokens", *words])
    assert answer.exit_code != 0
    assert told in answer.output + str(answer.exception)
