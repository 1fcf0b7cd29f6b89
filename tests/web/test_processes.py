"""Two web processes answer as one: /metrics adds them up."""

from pathlib import Path

import httpx

from tests.support.server import WEB, serving


def test_metrics_of_all_processes_are_added_up(database_url: str, redis_url: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "LEX_HOME": str(tmp_path)}
    with serving(environment, tmp_path / "server.log", web=2) as server:
        assert len(server.processes(WEB)) == 2
        for _ in range(20):  # each on a connection of its own, so that both processes get some
            assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
        for _ in range(4):
            text = httpx.get(f"{server.url}/metrics", trust_env=False).text
            counted = [line for line in text.splitlines() if 'route="/healthz"' in line and "requests_total" in line]
            assert len(counted) == 1
            assert float(counted[0].split()[-1]) >= 20
            assert 'lex_db_connections{pool="reads",state="idle"}' in text
