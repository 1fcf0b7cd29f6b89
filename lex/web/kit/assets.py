"""What Vite built from `frontend/`: names with a hash of their content, found through its manifest."""

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger("lex.web")

FOLDER = Path(__file__).parent.parent / "static"
_PREFIX = "/static/"


class _Chunk(msgspec.Struct):
    file: str
    css: list[str] = []
    imports: list[str] = []


@dataclass(frozen=True, slots=True)
class Entry:
    """The addresses a page needs for one entry of the build."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


def entry(name: str) -> Entry:
    """The scripts and styles of `frontend/src/<name>`; nothing when the assets are not built."""
    manifest = _manifest(_stamp(FOLDER, int(time.monotonic())))
    chunk = manifest.get(f"src/{name}")
    if chunk is None:
        return Entry()
    styles = [chunk.file] if chunk.file.endswith(".css") else list(chunk.css)
    for imported in chunk.imports:
        styles += manifest[imported].css
    scripts = () if chunk.file.endswith(".css") else (_PREFIX + chunk.file,)
    return Entry(scripts, tuple(_PREFIX + style for style in styles))


def address(name: str) -> str:
    """Where the picture or sprite `frontend/src/<name>` is served; empty when the assets are not built."""
    chunk = _manifest(_stamp(FOLDER, int(time.monotonic()))).get(f"src/{name}")
    return _PREFIX + chunk.file if chunk else ""


@lru_cache(maxsize=1)
def _stamp(folder: Path, _second: int) -> float:
    """Changes with every build, so that a running server serves the new names; looked at once a second."""
    manifest = folder / "manifest.json"
    return manifest.stat().st_mtime if manifest.exists() else 0.0


@lru_cache(maxsize=1)
def _manifest(stamp: float) -> dict[str, _Chunk]:
    if not stamp:
        log.warning("assets are not built; pages are served without styles. Run: make assets")
        return {}
    return msgspec.json.decode((FOLDER / "manifest.json").read_bytes(), type=dict[str, _Chunk])
