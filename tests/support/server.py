"""The production server for tests and benchmarks: its processes as `lex serve` runs them, on a free port.

They hang on the program that started them: when it ends, by Ctrl-C or by `kill -9`, they end. What crashes starts
again. This file is the starting program's half and, as `python -m tests.support.server`, the one above the processes.
"""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
import psycopg

from lex.cli.children import Child, Children
from lex.core.settings import Settings, environment_name, settings
from lex.ops import metrics_folder

READY = 60.0  # seconds until every web process must answer
WEB, WORKER = "lex.cli.web_process", "lex.worker"
#: Every web process opens a connection under this name before it accepts requests.
_READS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lex-reads'"

#: Whoever comes here comes from one address, and often.
_NO_LIMITS = {environment_name(one): "1000000" for one in fields(Settings) if one.name.startswith("most_")}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `log` is the file all its processes write to."""

    url: str
    log: Path
    above: psutil.Process

    def processes(self, module: str) -> list[psutil.Process]:
        """Its processes that run `WEB` or `WORKER`, oldest first."""
        found = []
        for child in self.above.children():
            with suppress(psutil.Error):
                if module in child.cmdline():
                    found.append(child)
        return sorted(found, key=lambda child: child.pid)

    def tail(self, lines: int = 40) -> str:
        """The end of its log, for the message of a failed test."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


@contextmanager
def serving(environment: Mapping[str, str], log: Path, *, web: int = 2, worker: bool = False) -> Iterator[Server]:
    """`web` web processes, and a job worker if asked for, run inside the block.

    `environment` goes over this process's own and names DATABASE_URL, REDIS_URL and LEX_HOME. Raises TimeoutError with
    the end of the log when they do not come up.
    """
    with socket.socket() as listening, log.open("ab") as output:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.server", str(listening.fileno()), str(web), str(int(worker))],
            env={
                **os.environ,
                **_NO_LIMITS,
                "LEX_WORKERS": str(web),
                "LEX_API_RATE_PER_MINUTE": "0",
                "LEX_API_RATE_OF_STRANGERS": "0",
                "LEX_PORT": str(port),
                "LEX_PUBLIC_URL": url,
                **environment,
            },
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(listening.fileno(),),
            process_group=0,  # Ctrl-C reaches it only through us
        )
        server = Server(url, log, psutil.Process(process.pid))
        try:
            _await_ready(server, process, environment["DATABASE_URL"], web, port)
            yield server
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _await_ready(server: Server, process: subprocess.Popen[bytes], database_url: str, web: int, port: int) -> None:
    until = time.monotonic() + READY
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < until and process.poll() is None:
            ready = connection.execute(_READS).fetchone()
            if ready is not None and ready[0] >= web and _answers(port):
                return
            time.sleep(0.05)
    raise TimeoutError(f"the server did not come up:\n{server.tail()}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _run(descriptor: int, web: int, worker: bool) -> None:
    """Keep the processes running until whoever started us closes our input, which also its death does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    metrics_folder.prepare(settings())
    children = Children(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    try:
        for number in range(1, web + 1):
            children.start(Child(f"Web process {number}", [sys.executable, "-m", WEB, str(descriptor)], (descriptor,)))
        if worker:
            children.start(Child("The worker", [sys.executable, "-m", WORKER]))
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            children.look_after()
    finally:
        children.stop()


if __name__ == "__main__":
    _run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1")
