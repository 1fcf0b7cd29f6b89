"""`lex doctor` names what is wrong in one line each, and starts nothing."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from lex.core.settings import settings
from tests.embedded.conftest import left_in
from tests.support.rows import Rows


@pytest.fixture(autouse=True)
def _fresh_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "LEX_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEX_PORT", str(_free_port()))
    settings.cache_clear()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _findings(**environment: str) -> tuple[int, dict[str, dict[str, object]]]:
    settings.cache_clear()
    result = CliRunner().invoke(app, ["doctor", "--json"], env=environment)
    settings.cache_clear()
    return result.exit_code, {finding["name"]: finding for finding in json.loads(result.stdout)}


def test_a_fresh_machine_is_fine_and_stays_untouched(tmp_path: Path) -> None:
    code, findings = _findings()
    assert code == 0
    assert "starts with lex serve" in str(findings["database"]["detail"])
    assert not (tmp_path / "home").exists()
    assert left_in(tmp_path) == []


def test_servers_that_do_not_answer() -> None:
    code, findings = _findings(DATABASE_URL="postgresql://lex@127.0.0.1:1/lex", REDIS_URL="redis://127.0.0.1:1")
    assert code == 1
    assert findings["database"]["is_fine"] is False
    assert "DATABASE_URL" in str(findings["database"]["mend"])
    assert findings["Redis"]["is_fine"] is False


def test_a_migrated_database_is_fine(database_url: str, redis_url: str) -> None:
    code, findings = _findings(DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert code == 0, findings
    assert findings["migrations"]["detail"] == "All applied."


def test_sealing_that_stands_still_is_named(database_url: str, redis_url: str) -> None:
    _, findings = _findings(DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert findings["sealing"] == {"name": "sealing", "is_fine": True, "detail": "Nothing was sealed yet.", "mend": ""}
    with Rows(database_url) as rows:
        rows.run("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('x', 'seal_audit', 'failed')")
    code, findings = _findings(DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert code == 1
    assert "Sealing the audit failed; nothing was sealed yet." in str(findings["sealing"]["detail"])
    assert findings["sealing"]["mend"] == "Run lex jobs run seal_audit and lex audit verify."


def test_a_role_that_cannot_log_in_is_named(database_url: str, redis_url: str) -> None:
    code, findings = _findings(DATABASE_URL=database_url, REDIS_URL=redis_url, LEX_DATABASE_ROLE_SECRET="another")
    assert code == 1
    assert "lex_staff: " in str(findings["roles"]["detail"])
    assert findings["roles"]["mend"] == "Run lex db roles."


def test_an_empty_database_needs_its_migrations(empty_database_url: str, redis_url: str) -> None:
    code, findings = _findings(DATABASE_URL=empty_database_url, REDIS_URL=redis_url)
    assert code == 1
    assert findings["migrations"]["mend"] == "Run lex db migrate."
    assert findings["sealing"]["detail"] == 'It cannot be read: relation "audit_seals" does not exist.'


def test_a_taken_port_that_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        code, findings = _findings(LEX_PORT=port)
    assert code == 1
    assert "LEX_PORT" in str(findings["port"]["mend"])


def test_secrets_that_others_may_read(tmp_path: Path) -> None:
    secret = tmp_path / "home" / "secrets" / "key_ring"
    secret.parent.mkdir(parents=True)
    secret.write_text("k1:…")
    secret.chmod(0o644)
    code, findings = _findings()
    assert code == 1
    assert str(findings["secrets"]["mend"]).startswith("Run chmod 600")


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    code, findings = _findings()
    assert code == 1
    assert "is not a folder" in str(findings["home"]["detail"])


def test_a_setting_that_cannot_be_used_is_a_sentence() -> None:
    settings.cache_clear()
    result = CliRunner().invoke(app, ["doctor"], env={"LEX_PORT": "many"})
    settings.cache_clear()
    assert result.exit_code == 2
    assert "LEX_PORT" in result.output
    assert "Traceback" not in result.output
