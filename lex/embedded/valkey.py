"""The Redis-compatible server in the home folder: settings, and why it does not start."""

import contextlib
import re
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from lex.core.clock import real_now
from lex.core.errors import Refusal
from lex.embedded.account import reachable, runtime_folder, server_account
from lex.embedded.files import disk_full, require_space, write_private
from lex.embedded.passwords import Passwords
from lex.embedded.programs import clean_environment, find_valkey, valkey_program
from lex.embedded.service import Orders

SOCKET = "valkey.sock"
SPACE = 32  # MB

SETTINGS = """\
# Written by Lex at each start.
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
dir .
logfile valkey.log
daemonize no
save ""
appendonly {append}
appendfsync everysec
aof-load-truncated yes
maxmemory 128mb
maxmemory-policy volatile-ttl
databases 64
"""


@dataclass(frozen=True)
class Valkey:
    """The embedded cache and session store of one home."""

    folder: Path
    passwords: Passwords
    fast: bool = False
    name: str = field(default="valkey", init=False)

    @property
    def data(self) -> Path:
        """Where it keeps its append-only file and its log."""
        return self.folder / "data"

    def url(self, notes: dict[str, str], database: int = 0) -> str:
        """The address for redis-py."""
        return f"unix://:{self.passwords.cache}@{quote(notes['socket'], safe='/')}?db={database}"

    def prepare(self) -> Orders:
        """Make the data folder, end what an unclean end left running, and write the settings."""
        account = server_account(self.data)
        programs = find_valkey()
        program = valkey_program(programs).name
        require_space(self.folder, SPACE)
        runtime = runtime_folder(self.folder, SOCKET, account)
        programs = reachable(programs, program, runtime, account)
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            account.give(self.data)
        self._end_leftover()
        path = (runtime or self.folder) / SOCKET
        path.unlink(missing_ok=True)
        text = SETTINGS.format(socket=path, password=self.passwords.cache, append="no" if self.fast else "yes")
        write_private(self.data / "valkey.conf", text, account.ids)
        (self.data / "valkey.log").unlink(missing_ok=True)
        return Orders(
            command=[str(programs.folder / program), "{data}/valkey.conf"],
            data=self.data,
            cwd=self.data,
            account=account,
            environment=clean_environment(),
            stop=[(signal.SIGTERM, 20), (signal.SIGKILL, 10)],
            runtime=runtime,
            notes={"version": programs.version, "socket": str(path)},
        )

    def answers(self, notes: dict[str, str]) -> bool | None:
        """See `service.Server`."""
        said = _asked(notes["socket"], self.passwords.cache)
        if "WRONGPASS" in said:
            raise Refusal(
                f"The server behind {notes['socket']} has another password than {self.folder.parent / 'embedded.json'}"
                " says. End that server and start again.",
                code="wrong_password",
            )
        return None if "LOADING" in said else "PONG" in said

    def finish(self, notes: dict[str, str]) -> None:
        """Nothing to do: it has no roles and no schema."""

    def mend(self) -> bool:
        """A damaged append-only file is set aside: it holds nothing that must not be lost."""
        if not re.search("Bad file format|Unexpected end of file|AOF .*(corrupt|invalid)", self._log()):
            return False
        with contextlib.suppress(FileNotFoundError):
            (self.data / "appendonlydir").rename(self.data / f"damaged-{real_now():%Y%m%d%H%M%S}")
        return True

    def explain(self, log: str) -> Refusal:
        """Why it did not start, from what it wrote."""
        log += self._log()
        if re.search("No space left|Disk quota", log):
            return disk_full(self.folder)
        words = [line for line in log.splitlines() if line.strip()]
        return Refusal(
            f"The embedded Valkey did not start. It said: {words[-1] if words else 'nothing'}. "
            f"Its log is {self.data / 'valkey.log'}.",
            code="embedded_failed",
        )

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.data / "valkey.log").read_text("utf-8", "replace")[-8000:]
        return ""

    def _end_leftover(self) -> None:
        """A server of this folder whose keeper was killed would write the same file: it is ended first."""
        for process in psutil.process_iter(["name"]):
            if not re.search("valkey|redis", process.info["name"] or ""):
                continue
            with contextlib.suppress(psutil.Error, OSError):
                if Path(process.cwd()) == self.data.resolve():
                    process.terminate()
                    process.wait(20)


def _asked(path: str, password: str) -> str:
    """The answers to AUTH and PING, or nothing. Two lines need no client library, which takes longer to load."""
    said = b""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
        while more := connection.recv(4096):
            said += more
    return said.decode("utf-8", "replace")
