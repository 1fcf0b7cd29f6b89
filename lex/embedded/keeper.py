"""Keeps one server running for as long as anybody uses it; a program of its own, started by `service.py`.

It is run by its path with the standard library only (`python -I -S keeper.py`), so that it is small, starts fast and
does not depend on the environment of whoever started it. Its orders come as JSON on standard input (see `service.py`).

Two locks carry the protocol, because the kernel frees a lock however its holder dies:
`keeper.lock`  held exclusively by the keeper for its whole life: it tells whether the servers run, and holds its pid.
`users.lock`   held shared by every program that uses the server. The keeper gets it exclusively once nobody is left;
               then it stops the server, cleans up and ends.

The server dies with its keeper even after `kill -9`: the kernel sends it its clean stop signal (PR_SET_PDEATHSIG). The
request is made after the change of user, which would clear it.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LOOK_EVERY = 0.25  # seconds between looks at the users' lock
LONGEST_PAUSE = 10.0  # seconds before a server that keeps crashing is started again
TOOK_HOLD = 60.0  # seconds after which a start counts as good, and the pause begins small again


def main() -> int:
    """Take the lock, become a daemon, keep the server. Ends 0 in the starter's process once the lock is held."""
    orders = json.load(sys.stdin)
    lock = os.open(orders["keeper_lock"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _locked(lock, patience=2.0):
        return 3
    daemon = os.fork()  # the lock belongs to the open file, so it passes on to the child
    if daemon:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(daemon).encode(), 0)
        os._exit(0)
    return Keeper(orders, lock).keep()


class Keeper:
    """One server, its users and its end."""

    def __init__(self, orders: dict[str, Any], lock: int) -> None:
        self.orders = orders
        self.lock = lock
        self.users = os.open(orders["users_lock"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.told_to_stop = False
        self.open_data: tuple[int, ...] = ()
        self.data = orders["data"]
        if orders["hand_over"]:  # the server's user may not walk down to the folder
            self.open_data = (os.open(self.data, os.O_RDONLY | os.O_DIRECTORY),)
            self.data = f"/proc/self/fd/{self.open_data[0]}"
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self.bell, ringer = os.pipe()
        os.set_blocking(ringer, False)
        signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop_asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def keep(self) -> int:
        """Run the server until nobody uses it; a crash starts it again, a failed first start does not."""
        held = self._hold_runtime_folder()
        pause, code = 0.2, 0
        while True:
            began = time.monotonic()
            server = self._start()
            if self._wait(server):
                self._stop(server)
                break
            if not Path(self.orders["ready"]).exists():
                code = 1
                break
            pause = 0.2 if time.monotonic() - began > TOOK_HOLD else min(pause * 2, LONGEST_PAUSE)
            self._say(f"ended ({server.returncode}); starting it again in {pause:.1f} s")
            if self._wait(None, time.monotonic() + pause):
                break
        self._clean_up(held)
        return code

    def _start(self) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        stop_signal = self.orders["stop"][0][0]

        def die_with_keeper() -> None:
            if self.libc is not None:
                self.libc.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)

        as_user: dict[str, Any] = {}
        if self.orders["user"]:
            uid, gid = self.orders["user"]
            as_user = {"user": uid, "group": gid, "extra_groups": []}
        return subprocess.Popen(
            [word.replace("{data}", self.data) for word in self.orders["command"]],
            cwd=self.orders["cwd"],
            pass_fds=self.open_data,
            env=self.orders["env"],
            stdin=subprocess.DEVNULL,
            umask=0o077,
            preexec_fn=die_with_keeper,  # safe: this program has one thread
            **as_user,
        )

    def _wait(self, server: "subprocess.Popen[bytes] | None", until: float = float("inf")) -> bool:
        """True when the server is to be stopped; False when it ended by itself or `until` has come."""
        while time.monotonic() < until:
            if self._unused():
                return True
            if server is not None and server.poll() is not None:
                return False
            if select.select([self.bell], [], [], min(LOOK_EVERY, max(0.0, until - time.monotonic())))[0]:
                os.read(self.bell, 512)
        return self._unused()

    def _unused(self) -> bool:
        """Nobody holds the users' lock, or we were told, or the home folder is gone."""
        if self.told_to_stop or _locked(self.users):
            return True
        try:
            return Path(self.orders["keeper_lock"]).stat().st_ino != os.fstat(self.lock).st_ino
        except OSError:
            return True

    def _stop(self, server: "subprocess.Popen[bytes]") -> None:
        for number, seconds in self.orders["stop"]:
            server.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(seconds)
                return
            self._say(f"did not end within {seconds} s of signal {number}")

    def _hold_runtime_folder(self) -> int | None:
        """A lock on the folder keeps the system's cleaner of temporary files away from it."""
        if not self.orders["runtime"]:
            return None
        held = os.open(self.orders["runtime"], os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(held, fcntl.LOCK_SH)
        return held

    def _clean_up(self, held: int | None) -> None:
        with contextlib.suppress(OSError):
            Path(self.orders["ready"]).unlink()
        if held is not None:
            shutil.rmtree(self.orders["runtime"], ignore_errors=True)

    def _stop_asked(self, *_: object) -> None:
        self.told_to_stop = True

    def _say(self, what: str) -> None:
        program = Path(self.orders["command"][0]).name
        os.write(2, f"{time.strftime('%F %T')} keeper: {program} {what}\n".encode())


def _locked(fd: int, patience: float = 0.0) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True


if __name__ == "__main__":
    sys.exit(main())
