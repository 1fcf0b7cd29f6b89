"""`lex audit` and `lex db partitions` as they are typed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from tests.audit.conftest import others_are_done
from tests.support.rows import Rows

RUN = CliRunner()


@pytest.fixture
def rows(own_shop: None, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rows]:
    """A shop of its own with a home of its own, in which something was changed and sealed."""
    monkeypatch.setenv("LEX_HOME", str(tmp_path / "home"))
    with Rows(database_url) as rows:
        rows.add("categories", slug="lamps")
        seal(rows)
        yield rows


def seal(rows: Rows) -> None:
    """What the worker does each minute, until a transaction of another test's leaves no row behind."""
    for _ in range(20):
        others_are_done(rows)
        lex("jobs", "run", "seal_audit")
        if not lex_json("audit", "verify")["unsealed"]:
            return
    raise AssertionError("rows stay unsealed")


def lex(*words: str, exits: int = 0) -> str:
    """What a command prints."""
    told = RUN.invoke(app, list(words))
    assert told.exit_code == exits, told.output
    return told.output


def lex_json(*words: str, exits: int = 0) -> Any:
    """The JSON a command prints."""
    return json.loads(lex(*words, "--json", exits=exits))


def test_the_trail_is_proven_and_a_change_named(rows: Rows, tmp_path: Path) -> None:
    assert "whole" in lex("audit", "verify")
    rows.add("categories", slug="chairs")
    assert "\n1 rows since" in lex("audit", "verify")
    seal(rows)
    verdict = lex_json("audit", "verify")
    assert (verdict["is_whole"], verdict["unsealed"], verdict["findings"]) == (True, 0, [])

    copy = tmp_path / "far" / "seals.jsonl"
    assert f"{verdict['seals']} seals added" in lex("audit", "seals", "--export", str(copy))
    assert copy.read_text() == (tmp_path / "home" / "audit-seals.jsonl").read_text()
    copy.write_text(copy.read_text() + '{"number": 900, "seal": "00"}\n')
    assert "Seal 900 of the copy is missing." in lex("audit", "verify", "--against", str(copy), exits=1)
    assert "No such file" in lex("audit", "verify", "--against", str(tmp_path / "nowhere"), exits=2)

    entry = rows.one("SELECT id::text FROM audit_logs WHERE changes -> 'new' ->> 'slug' = 'lamps'")
    for change in ("DROP TRIGGER tr_audit_logs_change ON audit_logs", f"DELETE FROM audit_logs WHERE id = '{entry}'"):
        rows.run(change)
    verdict = lex_json("audit", "verify", exits=1)
    assert [(finding["kind"], finding["subject"]) for finding in verdict["findings"]] == [("row_missing", entry)]
    assert f"Row {entry} is missing" in lex("audit", "verify", exits=1)


def test_the_trail_is_searched(rows: Rows) -> None:
    rows.run("UPDATE categories SET name = 'Lights \x1b[2J'")
    found = lex_json("audit", "search", "--resource", "categories")
    assert [entry["action"] for entry in found] == ["update", "insert"]
    assert lex_json("audit", "search", "--action", "delete") == []
    (second,) = lex_json("audit", "search", "--resource", "categories", "--before", found[0]["id"])
    assert second == found[1]
    told = lex("audit", "search", "--resource", "categories", "--limit", "1")
    assert f"Older ones: --before {found[0]['id']}" in told
    assert "\x1b" not in told
    assert lex_json("audit", "search", "--until", "2001-01-01") == []
    assert "No entry matches." in lex("audit", "search", "--user", found[0]["id"])
    assert "Say of which resource" in lex("audit", "search", "--resource-id", "1", exits=2)


def test_partitions_are_listed_made_and_archived(rows: Rows) -> None:
    assert "audit_logs: 6 ahead" in lex("db", "partitions", "list")
    assert {partition["table"] for partition in lex_json("db", "partitions", "list")} == {"orders", "audit_logs"}
    last = max(p["name"] for p in lex_json("db", "partitions", "list") if p["table"] == "audit_logs")
    rows.run(f"ALTER TABLE audit_logs DETACH PARTITION {last}")
    rows.run(f"DROP TABLE {last}")
    assert f"Made {last}." in lex("db", "partitions", "make")
    assert lex_json("db", "partitions", "make") == []
    assert "no month ended before" in lex("db", "partitions", "archive", "--older-than", "2y")
    assert "is no age; write 24m" in lex("db", "partitions", "archive", "--older-than", "soon", exits=2)
    (month,) = lex_json("db", "partitions", "archive", "--older-than", "0d")
    assert month["rows"] == 0
    assert Path(month["file"]).exists()
    assert "whole" in lex("audit", "verify")
