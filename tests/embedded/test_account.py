"""Root and ordinary users; the folder outside the home, and that none is left."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from lex.embedded import account, programs, servers
from tests.embedded.conftest import PROJECT, Holder, facts_of, kill, left_in, processes_of

SITE = [path for path in sys.path if path.endswith("site-packages")]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def as_nobody() -> list[str]:
    """The start of a command that runs Python as an ordinary user."""
    if os.geteuid() != 0:
        return [sys.executable]
    version = f"python3.{sys.version_info.minor}"
    become = ["setpriv", "--reuid=nobody", f"--regid={pwd.getpwnam('nobody').pw_gid}", "--clear-groups"]
    become += ["env", f"PYTHONPATH={os.pathsep.join([str(PROJECT), *SITE])}"]
    for place in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        command = [*become, place]
        tried = subprocess.run([*command, "-c", "import lex.embedded"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    pytest.skip(f"the user nobody reaches no {version} or not this project")


@pytest.fixture
def nobodys(as_nobody: list[str]) -> Iterator[Path]:
    """A folder of the ordinary user."""
    folder = Path(tempfile.mkdtemp(prefix="lex-nobody-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    yield folder
    kill(processes_of(folder))
    shutil.rmtree(folder, ignore_errors=True)


def _runtime(home: Path, service: str) -> Path | None:
    pointer = home / service / "runtime"
    return Path(pointer.read_text()) if pointer.exists() else None


@as_root
def test_root_runs_them_as_somebody_who_cannot_enter_the_home(home: Path) -> None:
    with servers(home, fast=True) as started:
        keepers = {int(lock.read_text()) for lock in home.glob("*/keeper.lock")}
        served = [process for process in processes_of(home) if process.pid not in keepers]
        users = set(facts_of(served, psutil.Process.username))
        assert users
        assert "root" not in users
        assert home.parent.stat().st_mode & 0o077 == 0
        assert psycopg.connect(started.database_url).execute("SELECT 1").fetchone() == (1,)
        used = [_runtime(home, "postgres"), _runtime(home, "valkey")]
        assert [folder and folder.stat().st_mode & 0o777 for folder in used] == [0o700, 0o700]
    assert [folder and folder.exists() for folder in used] == [False, False]


@as_root
def test_programs_out_of_reach_are_linked_for_the_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = programs.find_postgres().package
    if package is None:
        pytest.skip("the system's PostgreSQL is always within reach")
    hidden = home.parent / "hidden"
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, hidden / part.name)
    here = (hidden / package.name / "pginstall/bin", hidden / package.name)
    monkeypatch.setattr(programs, "_in_wheel", lambda *_: [here])
    with servers(home, cache=False, fast=True) as started:
        runtime = _runtime(home, "postgres")
        assert runtime is not None
        assert (runtime / "programs" / package.name / "pginstall/bin/postgres").exists()
        with psycopg.connect(started.database_url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
    assert not runtime.exists()


def test_an_ordinary_user_keeps_everything_in_the_home(
    nobodys: Path, as_nobody: list[str], hold: Callable[..., Holder]
) -> None:
    home = nobodys / "a home+with %odd signs"
    holder = hold(home, "--fast", python=as_nobody)
    assert holder.said.startswith("ready")
    url = holder.said.split(" ", 1)[1]
    assert psycopg.connect(url).execute("SELECT current_user").fetchone() == ("lex",)
    assert _runtime(home, "postgres") is None
    assert holder.leave() == 0
    assert left_in(nobodys) == []


def test_a_long_path_gets_a_short_one_for_its_sockets(
    nobodys: Path, as_nobody: list[str], hold: Callable[..., Holder]
) -> None:
    holder = hold(nobodys / ("long" * 30), "--fast", python=as_nobody)
    assert holder.said.startswith("ready")
    assert psycopg.connect(holder.said.split()[1]).execute("SELECT 1").fetchone() == (1,)
    assert holder.leave() == 0


@as_root
def test_what_belongs_to_somebody_else_is_left_alone(
    home: Path, nobodys: Path, as_nobody: list[str], hold: Callable[..., Holder]
) -> None:
    assert "refused home_not_writable" in hold(home, python=as_nobody).said
    (nobodys / "postgres/data").mkdir(parents=True)  # root's, inside a folder of the ordinary user
    os.chown(nobodys / "postgres", pwd.getpwnam("nobody").pw_uid, -1)
    said = hold(nobodys, python=as_nobody).said
    assert "refused foreign_data_owner" in said
    assert "belongs to the user root" in said


def test_runtime_folders_of_deleted_homes_are_removed(home: Path) -> None:
    service = home / "postgres"
    service.mkdir(parents=True)
    stray, kept = (account._new_runtime_folder(service, account.Account()) for _ in range(2))
    (service / "runtime").write_text(str(kept))
    foreign = Path(tempfile.mkdtemp(prefix=account.PREFIX, dir=account.PLACES[0]))
    old = time.time() - 2 * account.YOUNG
    for folder in (stray, kept, foreign):
        os.utime(folder, (old, old))
    account.remove_strays()
    assert (stray.exists(), kept.exists(), foreign.exists()) == (False, True, True)
    shutil.rmtree(home)
    account.remove_strays()
    assert (kept.exists(), foreign.exists()) == (False, True)
    foreign.rmdir()
