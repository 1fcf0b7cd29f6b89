"""`lex serve`: everything the shop needs, in one process tree that ends as a whole."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from lex.cli.children import Child, Children
from lex.cli.exported import exported
from lex.cli.ports import holder_of
from lex.core.errors import Refusal
from lex.core.settings import Settings, settings
from lex.embedded import find, servers
from lex.embedded.files import Lock, explained
from lex.ops import metrics_folder

PORTS = 100  # how many to try upwards when LEX_PORT is not set
READY = 60.0  # seconds until the shop is expected to answer

console = Console(soft_wrap=True, highlight=False)


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo business into an empty shop.")] = False,
) -> None:
    """Start the shop: servers where none are set, migrations, web, worker. Ctrl-C stops all of it."""
    _let_every_stop_unwind()
    config = settings()
    with ExitStack() as stack:
        try:
            turn = stack.enter_context(_alone(config))
            listening = stack.enter_context(_listening(config))
            own = (not config.database_url, not config.redis_url)
            config = _addressed(config, listening)
            turn.write(json.dumps({"pid": os.getpid(), "url": config.public_url}))
            config = _with_servers(stack, config)
            stack.enter_context(exported(_for_children(config)))
            _prepare(config, demo)
            children = Children(lambda line: console.print(line, style="yellow", markup=False))
            stack.callback(children.stop)
            _start(children, config, listening)
            _await_ready(children, listening)
            _summarise(config)
            _stay(stack, children, config, own)
        except KeyboardInterrupt:
            console.print("Stopping.")
            _ignore_further_signals()


@contextmanager
def _alone(config: Settings) -> Iterator[Lock]:
    """One `lex serve` per home; the second is told where the first is."""
    home = config.home_path
    with explained(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(home / "serve.lock")
    with lock:
        if not lock.take():
            raise _already_running(lock, home)
        lock.write("")
        yield lock


def _already_running(lock: Lock, home: Path) -> Refusal:
    try:
        first = json.loads(lock.text())
        where = f"at {first['url']} (process {first['pid']})"
    except (ValueError, KeyError):
        where = "and is just starting"
    return Refusal(
        f"Lex already runs for {home} {where}. Use that one, stop it with Ctrl-C, "
        "or set LEX_HOME to another folder for a second shop.",
        code="already_running",
    )


@contextmanager
def _listening(config: Settings) -> Iterator[socket.socket]:
    """The socket of the web processes: LEX_PORT, or the first free port from 8000 on."""
    wanted = [config.port] if os.environ.get("LEX_PORT") else range(config.port, config.port + PORTS)
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for port in wanted:
            try:
                listening.bind((config.host, port))
                listening.listen(2048)
            except PermissionError as error:
                raise Refusal(f"Port {port} needs more rights; set LEX_PORT to 1024 or more.") from error
            except OSError:
                continue
            yield listening
            return
    holder = holder_of(wanted[0])
    raise Refusal(
        f"Port {wanted[0]} of {config.host} cannot be used{holder and f', it belongs to {holder}'}. "
        "Set LEX_PORT to a free one, or LEX_HOST to an address of this machine.",
        code="port_taken",
    )


def _say(line: str) -> None:
    """Progress. No spinner: it needs a thread, and this process starts others."""
    console.print(line, style="dim")


def _addressed(config: Settings, listening: socket.socket) -> Settings:
    port = listening.getsockname()[1]
    host = _reached_at(config.host)
    host = f"[{host}]" if ":" in host else host
    return replace(config, port=port, public_url=config.public_url or f"http://{host}:{port}")


def _reached_at(host: str) -> str:
    """Where this machine reaches what listens on `host`: every address means the local one as well."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _with_servers(stack: ExitStack, config: Settings) -> Settings:
    """Enter the embedded servers that the settings do not name."""
    if config.database_url and config.redis_url:
        return config
    _say("Starting the servers …")
    started = stack.enter_context(
        servers(config.home_path, database=not config.database_url, cache=not config.redis_url)
    )
    return replace(
        config,
        database_url=config.database_url or started.database_url,
        redis_url=config.redis_url or started.redis_url,
    )


def _for_children(config: Settings) -> dict[str, str]:
    return {
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
        "LEX_HOME": str(config.home_path),
        "LEX_PORT": str(config.port),
        "LEX_PUBLIC_URL": config.public_url,
    }


def _prepare(config: Settings, demo: bool) -> None:
    _say("Bringing the database up to date …")
    command = [sys.executable, "-m", "lex.cli.prepare_process", *(["--demo"] if demo else [])]
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise typer.Exit(code)  # it has said why
    metrics_folder.prepare(config)


def _start(children: Children, config: Settings, listening: socket.socket) -> None:
    descriptor = listening.fileno()
    web = [sys.executable, "-m", "lex.cli.web_process", str(descriptor)]
    for number in range(1, config.workers + 1):
        children.start(Child(f"Web process {number}", web, (descriptor,)))
    children.start(Child("The worker", [sys.executable, "-m", "lex.worker"]))


def _await_ready(children: Children, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    until = time.monotonic() + READY
    _say("Opening the shop …")
    while time.monotonic() < until:
        if _is_ready(_reached_at(host), port):
            return
        children.look_after()
        time.sleep(0.1)
    console.print("The shop is not ready yet; `lex doctor` may say why.", style="yellow")


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _summarise(config: Settings) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ignore")
    table.add_row("Shop", config.public_url)
    table.add_row("API", f"{config.public_url}/api/docs")
    if not config.mail_url:
        table.add_row("Mails", str(config.home_path / "mail"))
    for row in _demo_rows(config.home_path):
        table.add_row(*row)
    console.print()
    console.print(table, soft_wrap=True)
    console.print("\nCtrl-C stops everything.\n", style="dim")


def _demo_rows(home: Path) -> list[tuple[str, str]]:
    """Passwords and keys of the demo business, as `lex demo` left them."""
    try:
        return [(str(row["label"]), str(row["value"])) for row in json.loads((home / "demo.json").read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _stay(stack: ExitStack, children: Children, config: Settings, own: tuple[bool, bool]) -> NoReturn:
    while True:
        time.sleep(0.5)
        children.look_after()
        if any(own):
            _keep_servers(stack, config, own)


def _keep_servers(stack: ExitStack, config: Settings, own: tuple[bool, bool]) -> None:
    """An embedded server whose keeper was killed is started anew, at the same address."""
    running = find(config.home_path)
    lost_database = own[0] and not (running and running.database_url)
    lost_cache = own[1] and not (running and running.redis_url)
    if lost_database or lost_cache:
        stack.enter_context(servers(config.home_path, database=lost_database, cache=lost_cache))


def _let_every_stop_unwind() -> None:
    """SIGTERM and a closed terminal end like Ctrl-C: in order, leaving nothing."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)  # even where a script's `&` had it ignored
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` wants it ignored
        signal.signal(signal.SIGHUP, stop)


def _ignore_further_signals() -> None:
    """A second Ctrl-C does not hurry the database; its end takes a moment."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
