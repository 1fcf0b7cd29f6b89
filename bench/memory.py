"""What a shop that nobody visits weighs: the sum of PSS of everything `lex serve --demo` starts, as `make run` does."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import psycopg
from redis import Redis

from lex.embedded import find

MOST = 512.0  # MB, with the worker, PostgreSQL and Valkey
_READY, _SETTLES = 120.0, 5.0  # seconds
_KINDS = {"lex.cli.web_process": "web process", "lex.worker": "worker", "postgres": "PostgreSQL", "valkey": "Valkey"}


def idle() -> dict[str, float]:
    """MB of PSS by kind of process, seconds after the shop is ready. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="lex-idle-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        names = ("DATABASE_URL", "REDIS_URL", "LEX_WORKERS", "LEX_PUBLIC_URL")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        shop = subprocess.Popen(
            [str(Path(sys.executable).with_name("lex")), "serve", "--demo"],
            env={**kept, "LEX_HOME": folder, "LEX_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_ready(shop, port)
            time.sleep(_SETTLES)
            return _weigh(Path(folder), shop.pid)
        finally:
            shop.terminate()
            shop.wait(60)


def _await_ready(shop: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _READY
    while time.monotonic() < until and shop.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("lex serve --demo did not become ready")


def _weigh(home: Path, shop: int) -> dict[str, float]:
    """The shop's own processes, and the two servers with what keeps them, which are not its children."""
    roots = [psutil.Process(shop)]
    started = find(home)
    if started is None:
        raise RuntimeError("the embedded servers are not running")
    with psycopg.connect(started.database_url) as connection:
        roots.append(psutil.Process(connection.info.backend_pid).parents()[1])
    redis = Redis.from_url(started.redis_url)
    roots.append(psutil.Process(redis.info("server")["process_id"]).parents()[0])
    redis.close()
    found = {one.pid: one for root in roots for one in (root, *root.children(recursive=True))}
    weights: Counter[str] = Counter()
    for process in found.values():
        with suppress(psutil.Error):
            weights[_kind(process)] += process.memory_full_info().pss / 1e6  # type: ignore[assignment]
    return dict(weights)


def _kind(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    return next((kind for part, kind in _KINDS.items() if part in f"{process.name()} {words}"), "supervisor")
