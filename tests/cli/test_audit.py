"""`lex audit` and `lex db partitions` as they are typed."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from lex.core import clock, ids
from lex.ops import partitions
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
    for age in ("0m", "0d", "30d"):
        told = lex("db", "partitions", "archive", "--older-than", age, exits=2)
        assert "--older-than is at least 31d" in told


def test_archived_months_are_proven_or_left_out_aloud(rows: Rows, database_url: str) -> None:
    old = partitions.audit_partition(clock.real_now().astimezone(UTC) - timedelta(days=3 * 365))
    partitions._ensured(database_url, [old])
    entry = ids.floor_id(old.start + timedelta(days=3))
    rows.run(
        """INSERT INTO audit_logs (id, created_at, action, resource, changes)
        VALUES (%s, uuid_v7_time(%s), 'read', 'orders', '{}')""",
        *(entry, entry),
    )
    assert "not sealed yet" in lex("db", "partitions", "archive", "--older-than", "2y", exits=2)
    seal(rows)
    (month,) = lex_json("db", "partitions", "archive", "--older-than", "1m")
    assert (month["partition"], month["rows"]) == (old.name, 1)
    file = Path(month["file"])
    assert "whole" in lex("audit", "verify")
    assert "1 rows of archived months were not looked at" in lex("audit", "verify", "--without-archives", exits=3)
    moved = file.parent.parent / "far" / file.name
    moved.parent.mkdir()
    file.rename(moved)
    told = lex("audit", "verify", exits=1)
    assert f"{file}, the archive of {old.name} (1 rows), is missing. Name its folder with --archives" in told
    assert "whole" in lex("audit", "verify", "--archives", str(moved.parent))


def test_whoever_looks_is_told_in_the_trail(rows: Rows) -> None:
    person = rows.add("users", role="user")["id"]
    rows.add("person_keys", wrapped_key=None, destroyed_at=clock.real_now())
    lex("people", "find", str(person))
    lex("audit", "search", "--resource", "users", "--action", "insert")
    read = "SELECT changes FROM audit_logs WHERE action = 'read' AND resource = %s"
    assert rows.column(read, "users") == [{"listed": [str(person)], "number": 1}]
    assert rows.column(read, "audit_logs") == [{"resource": "users", "action": "insert"}]


def test_the_copy_of_a_trail_that_went_is_put_away(rows: Rows, tmp_path: Path) -> None:
    home = tmp_path / "home"
    kept = (home / "audit-seals.jsonl").read_text()
    told = lex("db", "rollback", "--all", "--yes")
    (away,) = home.glob("audit-seals*.jsonl")
    assert f"the copy of its seals is {away} now." in told
    assert away.read_text() == kept
