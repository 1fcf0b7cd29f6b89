import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from lex.embedded import account

PROJECT = Path(__file__).parents[2]

Fact = TypeVar("Fact")


class Holder:
    """A running `holder`, and how it may end."""

    def __init__(self, home: Path, *more: str, python: list[str] | None = None) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*(python or [sys.executable]), "-m", "tests.embedded.holder", str(home), *more],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()

    def leave(self) -> int:
        """The normal end."""
        self.process.communicate(timeout=60)
        return self.process.returncode


def processes_of(home: Path) -> list[psutil.Process]:
    """The servers that work in this home, and their keepers."""
    keepers = {int(lock.read_text() or 0) for lock in home.glob("*/keeper.lock")}
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.pid in keepers or Path(process.cwd()).is_relative_to(home)
            if is_ours and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):  # it ended while it was looked at
            continue
    return found


def left_in(home: Path) -> list[psutil.Process]:
    """What still runs there after the last user has left; a process frees its locks a moment before it is gone."""
    eventually(lambda: processes_of(home) == [], seconds=2)
    return processes_of(home)


def facts_of(processes: list[psutil.Process], read: Callable[[psutil.Process], Fact]) -> list[Fact]:
    """What `read` finds of each that lives; PostgreSQL ends processes of its own at any time."""
    facts = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            facts.append(read(process))
    return facts


def kill(processes: list[psutil.Process]) -> None:
    """Kill them; one that ended a moment before is no trouble."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own that nobody else can enter, as a fresh clone in a private folder has it."""
    folder = Path(tempfile.mkdtemp(prefix="lex-home-"))
    yield folder / "home"
    kill(processes_of(folder / "home"))
    shutil.rmtree(folder, ignore_errors=True)
    account.remove_strays()


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    """Starts holders and ends those that a test leaves."""
    started: list[Holder] = []

    def start(home: Path, *more: str, python: list[str] | None = None) -> Holder:
        started.append(Holder(home, *more, python=python))
        return started[-1]

    yield start
    for holder in started:
        holder.process.kill()
        holder.process.communicate()
