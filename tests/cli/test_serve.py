"""`lex serve` as a person uses it: it starts, says where, keeps one per home, mends crashes, and leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import psutil
import pytest

from lex.embedded import account
from tests.embedded.conftest import eventually, kill, processes_of

PROJECT = Path(__file__).parents[2]
STARTS_WITHIN = 110  # seconds, on a busy machine
OWN = ("DATABASE_URL", "REDIS_URL", "LEX_PORT", "LEX_PUBLIC_URL")


class Shop:
    """A `lex serve` in a session of its own, as a terminal has it."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        keep = {name: value for name, value in os.environ.items() if name not in OWN}
        self.log = home.parent / f"{uuid4().hex}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lex.cli.main", "serve"],
                cwd=PROJECT,
                env={**keep, "LEX_HOME": str(home), **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def traceback(self) -> str:
        """What it said from the line before its first traceback on."""
        before, found, after = self.said.partition("Traceback")
        return before[-300:] + found + after[:4000] if found else ""

    def wait_until_open(self) -> str:
        """Its address."""
        until = time.monotonic() + STARTS_WITHIN
        while "Ctrl-C stops" not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.1)
        return str(json.loads((self.home / "serve.lock").read_text())["url"])

    def press_ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def shop_home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    kill([*_mentioning(home), *processes_of(home)])
    account.remove_strays()


def _mentioning(home: Path) -> list[psutil.Process]:
    """Web process, worker and supervisor: all that got this home through their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LEX_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _nothing_is_left(home: Path) -> bool:
    return not _mentioning(home) and not processes_of(home)


@pytest.mark.timeout(240)
def test_a_day_of_a_shop(shop_home: Path) -> None:
    shop = Shop(shop_home)
    address = shop.wait_until_open()
    assert f"Shop   {address}" in shop.said
    with urlopen(f"{address}/readyz", timeout=10) as answer:
        assert answer.status == 200

    second = Shop(shop_home)
    assert second.process.wait(60) == 2
    assert f"already runs for {shop_home} at {address}" in second.said
    assert not second.traceback

    web = next(child for child in shop.children() if "lex.cli.web_process" in child.cmdline())
    web.kill()
    assert eventually(lambda: "Web process 1 ended (SIGKILL)" in shop.said)

    def answers_again() -> bool:
        try:
            with urlopen(f"{address}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    assert eventually(answers_again, 60)
    assert not shop.traceback

    keeper = shop_home / "postgres" / "keeper.lock"
    first = int(keeper.read_text())
    psutil.Process(first).kill()
    assert eventually(lambda: int(keeper.read_text() or first) != first, 30)
    assert eventually(answers_again, 60)

    assert shop.press_ctrl_c() == 0
    assert _nothing_is_left(shop_home)


@pytest.mark.timeout(240)
def test_killed_outright_it_still_leaves_nothing(shop_home: Path) -> None:
    shop = Shop(shop_home)
    shop.wait_until_open()
    shop.process.kill()
    shop.process.wait()
    assert eventually(lambda: _nothing_is_left(shop_home), 40)


@pytest.mark.timeout(120)
def test_stopped_while_it_starts(shop_home: Path) -> None:
    shop = Shop(shop_home)
    assert eventually(lambda: "Bringing the database" in shop.said, 60)
    assert shop.press_ctrl_c() == 0
    assert _nothing_is_left(shop_home)


def test_a_taken_port_is_named_with_its_holder(shop_home: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    port = holder.stdout.readline().strip()
    try:
        shop = Shop(shop_home, LEX_PORT=port)
        assert shop.process.wait(60) == 2
        assert f"Port {port} of 127.0.0.1 cannot be used" in shop.said
        assert f"(process {holder.pid})" in shop.said
        assert not (shop_home / "postgres").exists()
    finally:
        holder.communicate()


LISTENER = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""
