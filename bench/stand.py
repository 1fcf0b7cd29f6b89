"""The benchmark's shop: servers that survive a power cut, the goods, and web processes with caches off or on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import goods, people
from bench.cpu import Meter
from bench.goods import Goods
from bench.statements import Counter
from lex.cli.exported import exported
from lex.embedded import Servers, servers
from lex.ops import migrations
from tests.support.server import WEB, Server, serving

#: The least: a dear hash would hide what is measured beside it.
PASSWORD_COST = "4"


@dataclass(frozen=True, slots=True)
class Stand:
    """The running server and what measures it."""

    server: Server
    database_url: str
    goods: Goods
    meter: Meter
    counter: Counter

    def settle(self) -> None:
        """Analyse what has grown."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a stand is put up: a database with the goods and an empty Redis."""

    folder: Path
    started: Servers
    goods: Goods

    @contextmanager
    def stand(self, workers: int, *, caches: bool) -> Iterator[Stand]:
        """The production server over it, inside the block."""
        environment = {
            "DATABASE_URL": self.started.database_url,
            "REDIS_URL": self.started.redis_url,
            "LEX_HOME": str(self.folder),
            "LEX_CACHE": str(caches).lower(),
            "LEX_LOG_FORMAT": "json",
        }
        with serving(environment, self.folder / "bench.log", web=workers) as server:
            meter = Meter(server.processes(WEB), self.started.database_url)
            counter = Counter(self.started.admin_database_url, "lex")
            yield Stand(server, self.started.database_url, self.goods, meter, counter)


@contextmanager
def ground() -> Iterator[Ground]:
    """A fresh database with the goods."""
    with (
        tempfile.TemporaryDirectory(prefix="lex-bench-") as folder,
        exported({"LEX_HOME": folder, "LEX_PASSWORD_COST": PASSWORD_COST}),  # the home has the secret of the roles
        servers(Path(folder)) as started,
    ):
        migrations.upgrade(started.database_url)
        people.load(started.database_url)
        yield Ground(Path(folder), started, goods.load(started.database_url))
