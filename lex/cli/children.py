"""The processes under `lex serve`: started, started again when they crash, stopped together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0  # seconds
TOOK_HOLD = 30.0  # seconds after which a start counts as good, and the pause begins small again
PATIENCE = 25.0  # seconds a process has to end before it is killed; running jobs get 20

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One process that is to run. `descriptors` are the open files it gets."""

    name: str
    command: list[str]
    descriptors: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    pause: float = field(default=0.5, init=False)
    began: float = field(default=0.0, init=False)
    again_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C reaches it only through us and in order."""
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            pass_fds=self.descriptors,
            process_group=0,
            preexec_fn=_die_with(os.getpid()),  # safe: `lex serve` has one thread
        )

    def is_running(self) -> bool:
        """Whether it is there."""
        return self.process is not None and self.process.poll() is None


class Children:
    """All of them, in the order in which they start."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.all: list[Child] = []
        self._say = say

    def start(self, child: Child) -> None:
        """Start one and look after it from now on."""
        self.all.append(child)
        child.start()

    def look_after(self) -> None:
        """Start again what has crashed, each time after a longer pause."""
        for child in self.all:
            if child.is_running():
                continue
            if child.process is not None:
                code = child.process.returncode
                lived = time.monotonic() - child.began
                child.pause = 0.5 if lived > TOOK_HOLD else min(child.pause * 2, LONGEST_PAUSE)
                child.again_at = time.monotonic() + child.pause
                child.process = None
                self._say(f"{child.name} ended ({_ending(code)}); it starts again in {child.pause:.0f} s.")
            elif time.monotonic() >= child.again_at:
                child.start()

    def stop(self) -> None:
        """Ask all to end, then wait for each; one that does not is killed."""
        for child in self.all:
            if child.process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        for child in self.all:
            if child.process is None:
                continue
            try:
                child.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._say(f"{child.name} did not end within {PATIENCE:.0f} s and is killed.")
                child.process.kill()
                child.process.wait()


def _die_with(parent: int) -> Callable[[], None]:
    """The child gets SIGTERM when its parent dies, even by `kill -9`."""

    def ask() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return ask


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
