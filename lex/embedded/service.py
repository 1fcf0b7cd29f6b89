"""Start, join and stop one server: the half of the keeper's protocol that its users run.

Whoever wants the server takes `start.lock`, becomes a user (`users.lock`, shared), starts a keeper where none lives,
and lets `start.lock` go once the server answers. The last user to leave asks the keeper to stop and waits for it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lex.core.errors import Refusal, Unavailable
from lex.embedded import keeper
from lex.embedded.account import Account, remove_runtime
from lex.embedded.files import Lock, explained, write_private

PATIENCE = 120.0  # seconds for a start (or an end) by somebody else
FIRST_ANSWER = 60.0  # seconds until a server must answer; one that reports recovery gets longer
RECOVERY = 900.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What a keeper is told. `{data}` in the command becomes the server's name for its data folder.

    `stop` lists signals with the seconds to wait after each, the last one being fatal.
    """

    command: list[str]
    data: Path
    cwd: Path
    account: Account
    environment: dict[str, str]
    stop: list[tuple[int, float]]
    runtime: Path | None = None
    notes: dict[str, str] = field(default_factory=dict)


class Server(Protocol):
    """What `running` needs to know about PostgreSQL or Valkey."""

    @property
    def name(self) -> str:
        """`postgres` or `valkey`."""

    @property
    def folder(self) -> Path:
        """Its folder in the home: data, locks, log."""

    def prepare(self) -> Orders:
        """Make or mend the data folder and say how to start. Called with nothing running."""

    def answers(self, notes: dict[str, str]) -> bool | None:
        """True when it serves, False when not yet, None when it says that it is recovering."""

    def finish(self, notes: dict[str, str]) -> None:
        """What has to be done once after the first start; called each time, with the server answering."""

    def mend(self) -> bool:
        """Whether it could put right what kept it from starting, so that a second try is worth it."""

    def explain(self, log: str) -> Refusal:
        """Why it did not start, from the end of its log."""


@contextmanager
def running(server: Server) -> Iterator[dict[str, str]]:
    """The server runs inside the block; yields its notes (`version`, `socket`). Raises a `Refusal` with the reason."""
    folder = server.folder
    with explained(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        start, users = Lock(folder / "start.lock"), Lock(folder / "users.lock")
    with start, users:
        _take_turn(start, folder)
        if not users.take(shared=True, patience=PATIENCE):
            raise _busy(folder, "stopped")
        try:
            with explained(folder):
                notes = _started(server)
            start.release()
            yield notes
        finally:
            _leave(folder, start, users)


def known(folder: Path) -> dict[str, str] | None:
    """The notes of the server that runs in this folder, or None; starts nothing and changes nothing."""
    with suppress(OSError, ValueError), Lock(folder / "keeper.lock", create=False) as lock:
        if lock.is_held() and (folder / "ready").exists():
            return _notes(folder)
    return None


def _started(server: Server) -> dict[str, str]:
    try:
        notes = _answering(server)
    except Refusal:
        if not server.mend():
            raise
        notes = _answering(server)
    server.finish(notes)
    (server.folder / "ready").touch()
    return notes


def _answering(server: Server) -> dict[str, str]:
    folder = server.folder
    with Lock(folder / "keeper.lock") as lock:
        if not lock.is_held():
            orders = server.prepare()
            write_private(folder / "notes.json", json.dumps(orders.notes))
            (folder / "ready").unlink(missing_ok=True)
            _start_keeper(server, orders)
        notes = _notes(folder)
        _await_answer(server, notes, lock)
    return notes


def _start_keeper(server: Server, orders: Orders) -> None:
    folder = server.folder
    message = {
        "command": orders.command,
        "data": str(orders.data),
        "hand_over": orders.account.needs_descriptor,
        "cwd": str(orders.cwd),
        "env": orders.environment,
        "user": orders.account.ids,
        "stop": orders.stop,
        "runtime": str(orders.runtime) if orders.runtime else None,
        "keeper_lock": str(folder / "keeper.lock"),
        "users_lock": str(folder / "users.lock"),
        "ready": str(folder / "ready"),
    }
    with (folder / "start.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__],
            input=json.dumps(message).encode(),
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the program; the keeper ends when the program has
            check=False,
            timeout=30,
        )
    if done.returncode != 0:
        raise server.explain(_log_end(folder))


def _await_answer(server: Server, notes: dict[str, str], lock: Lock) -> None:
    until = time.monotonic() + FIRST_ANSWER
    while (answer := server.answers(notes)) is not True:
        if not lock.is_held():
            raise server.explain(_log_end(server.folder))
        if answer is None:
            until = max(until, time.monotonic() + RECOVERY)
        if time.monotonic() > until:
            raise Unavailable(
                f"The embedded {server.name} did not answer within {FIRST_ANSWER:.0f} s; "
                f"its log is {server.folder / 'start.log'}.",
                code="embedded_slow",
            )
        time.sleep(0.02)


def _leave(folder: Path, start: Lock, users: Lock) -> None:
    """Stop the server when nobody else uses it, and wait for its end."""
    if not folder.exists():
        return
    _take_turn(start, folder)
    users.release()
    last = users.take()
    with Lock(folder / "keeper.lock") as lock:
        if last and lock.is_held():
            with suppress(ValueError, ProcessLookupError, PermissionError):
                os.kill(int(lock.text()), signal.SIGTERM)
        if last or users.is_held():  # held exclusively: the keeper has seen it first and is stopping already
            lock.is_held(patience=PATIENCE)
        if not lock.is_held():
            remove_runtime(folder)


def _take_turn(start: Lock, folder: Path) -> None:
    if not start.take(patience=PATIENCE):
        raise _busy(folder, "started")


def _busy(folder: Path, doing: str) -> Refusal:
    return Unavailable(
        f"Another program has been waiting for {PATIENCE:.0f} s until the server in {folder} is {doing}. "
        "Look for it with `ps`, end it, and try again.",
        code="embedded_busy",
    )


def _notes(folder: Path) -> dict[str, str]:
    notes: dict[str, str] = json.loads((folder / "notes.json").read_text("utf-8"))
    return notes


def _log_end(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "start.log").read_text("utf-8", "replace")[-8000:]
    return ""
