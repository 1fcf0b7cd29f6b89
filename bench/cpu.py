"""CPU time of the application and of PostgreSQL, as the operating system counts it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil
import psycopg


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds used so far by the web processes and by PostgreSQL with all its processes."""

    app: float
    database: float

    def since(self, earlier: "Cpu") -> "Cpu":
        """What was used between two readings."""
        return Cpu(self.app - earlier.app, self.database - earlier.database)


class Meter:
    """Reads both. PostgreSQL has to run on this machine."""

    def __init__(self, web: Iterable[psutil.Process], database_url: str) -> None:
        self._web = list(web)
        with psycopg.connect(database_url) as connection:
            self._postmaster = psutil.Process(psutil.Process(connection.info.backend_pid).ppid())

    def read(self) -> Cpu:
        """Both so far."""
        return Cpu(sum(_own(process) for process in self._web), self._database())

    def shares(self) -> list[float]:
        """The seconds of each web process: far apart means that the connections are spread badly."""
        return [_own(process) for process in self._web]

    def _database(self) -> float:
        """The living backends, and through their parent those that have ended; again if one ended meanwhile."""
        while True:
            ended = self._ended()
            used = _own(self._postmaster) + ended + sum(_own(child) for child in self._postmaster.children())
            if ended == self._ended():
                return used

    def _ended(self) -> float:
        times = self._postmaster.cpu_times()
        return float(times.children_user + times.children_system)


def _own(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0
