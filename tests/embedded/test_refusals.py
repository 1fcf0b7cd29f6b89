"""What cannot run says what is wrong and the way out, and leaves the data as it is."""

import json
from pathlib import Path

import pytest

from lex.core.errors import Refusal
from lex.embedded import files, servers
from tests.embedded.conftest import left_in


@pytest.fixture
def made(home: Path) -> Path:
    """A home whose data folder exists."""
    with servers(home, cache=False, fast=True):
        pass
    return home


def _refusal(home: Path) -> Refusal:
    with pytest.raises(Refusal) as caught, servers(home, fast=True):
        pass
    assert left_in(home) == []
    pointers = [Path(pointer.read_text()) for pointer in home.glob("*/runtime")]
    assert not any(folder.exists() for folder in pointers)
    return caught.value


def test_a_folder_of_another_version(made: Path) -> None:
    (made / "postgres/data/PG_VERSION").write_text("12\n")
    refusal = _refusal(made)
    assert refusal.code == "foreign_data_version"
    assert "made by PostgreSQL 12" in refusal.message


@pytest.mark.parametrize("file", ["PG_VERSION", "global/pg_control", "global/pg_filenode.map"])
def test_a_damaged_folder(made: Path, file: str) -> None:
    (made / "postgres/data" / file).unlink()
    refusal = _refusal(made)
    assert refusal.code == "damaged_data"
    assert "backup" in refusal.message


def test_a_damaged_journal(made: Path) -> None:
    for segment in made.glob("postgres/data/pg_wal/0*"):
        segment.write_bytes(b"\0" * 4096)
    assert _refusal(made).code == "damaged_data"


def test_passwords_of_another_home(made: Path) -> None:
    file = made / "embedded.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "superuser": "another"}))
    refusal = _refusal(made)
    assert refusal.code == "wrong_password"
    assert "embedded.json" in refusal.message


def test_unreadable_passwords(made: Path) -> None:
    (made / "embedded.json").write_text("{")
    assert _refusal(made).code == "wrong_password"


def test_a_setting_that_postgresql_does_not_know(made: Path) -> None:
    (made / "postgres/data/local.conf").write_text("no_such_setting = 1\n")
    (made / "postgres/data/local.conf").chmod(0o644)
    refusal = _refusal(made)
    assert refusal.code == "bad_local_settings"
    assert "no_such_setting" in refusal.message


def test_a_file_where_the_home_should_be(home: Path) -> None:
    home.write_text("")
    assert _refusal(home).code == "home_not_a_folder"


def test_a_full_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage)
    refusal = _refusal(home)
    assert refusal.code == "disk_full"
    assert "5 MB" in refusal.message


def test_no_programs(home: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught, servers(home, programs=tmp_path):
        pass
    assert caught.value.code == "no_postgres"
