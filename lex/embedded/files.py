"""Locks and files of the home folder, and the sentence for a folder that cannot be written."""

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from lex.core.errors import Refusal


class Lock:
    """A BSD lock on a file. The kernel frees it when its holder ends, however it ends."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)

    def take(self, *, shared: bool = False, patience: float = 0.0) -> bool:
        """Take the lock, waiting at most `patience` seconds; says whether it is held now."""
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                    raise
                if time.monotonic() >= until:
                    return False
                time.sleep(0.02)
            else:
                return True

    def is_held(self, *, patience: float = 0.0) -> bool:
        """Whether somebody else holds it; with patience, whether they still do after that many seconds."""
        if not self.take(shared=True, patience=patience):
            return True
        self.release()
        return False

    def release(self) -> None:
        """Give it back and keep the file open."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def text(self) -> str:
        """What its holder wrote into the file."""
        return os.pread(self._fd, 4096, 0).decode("utf-8", "replace").strip()

    def write(self, text: str) -> None:
        """Leave a note for those who find the lock taken."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def close(self) -> None:
        """Give it back and close the file."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def write_private(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write a file of mode 0600 in one step, owned by `owner` (uid, gid) when given.

    The new file replaces whatever carries the name, so a link planted in a folder of another user is never followed.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def keep_secret(path: Path, text: str) -> str:
    """Keep a secret in a file of mode 0600; returns what is kept: two programs at once keep the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns the system's refusal to write under `folder` into a sentence with the way out."""
    try:
        yield
    except OSError as error:
        raise refusal_of(error, folder) from error


def refusal_of(error: OSError, folder: Path) -> Refusal:
    """The sentence for an error met while working under `folder`."""
    where = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refusal(
            f"Lex may not write {where}. Give this user the right to write {folder}, "
            "or set LEX_HOME to a folder of its own.",
            code="home_not_writable",
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return Refusal(
            f"{where} is not a folder. Move it away, or set LEX_HOME to another folder.", code="home_not_a_folder"
        )
    return Refusal(f"{where} cannot be used: {error.strerror or error}.", code="home_unusable")


def disk_full(folder: Path) -> Refusal:
    """The disk has no room left."""
    return Refusal(
        f"The disk that holds {folder} is full. Free some space, or set LEX_HOME to a folder on another disk.",
        code="disk_full",
    )


def require_space(folder: Path, megabytes: int) -> None:
    """Refuse before a server meets the end of the disk: a start needs room for its log and its journal."""
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise Refusal(
            f"The disk that holds {folder} has {free} MB left and the embedded servers need {megabytes} MB to start. "
            "Free some space, or set LEX_HOME to a folder on another disk.",
            code="disk_full",
        )


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours, whether or not it is there."""
    shutil.rmtree(folder, ignore_errors=True)
