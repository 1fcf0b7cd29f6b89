"""The shop's own pages (about, imprint, terms …): Markdown files in `pages` of the home folder, one page each.

The file's name is its address, its first heading the title, its first paragraph what search engines show. A number
before the name orders them: `20-shipping.md` is /pages/shipping, after `10-about.md`. The folder is looked
at once a second.
"""

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from lex.core.settings import settings

_FILE = re.compile(r"(?:\d+-)?([a-z0-9]+(?:-[a-z0-9]+)*)\.md")
_TITLE = re.compile(r"\A\s*#\s+(.+?)\s*$", re.MULTILINE)
_TAG = re.compile(r"<[^>]*>")
_LONGEST = 200_000  # bytes of one page


@dataclass(frozen=True, slots=True)
class Text:
    """A page: its name in the address, its title, its cleaned HTML and its first paragraph in plain words."""

    name: str
    title: str
    html: Markup
    summary: str


def texts() -> tuple[Text, ...]:
    """All pages in their order; none without the folder."""
    return _texts(settings().home_path / "pages", int(time.monotonic()))


@lru_cache(maxsize=1)
def _texts(folder: Path, _second: int) -> tuple[Text, ...]:
    try:
        files = [(path.name, path.stat()) for path in folder.iterdir() if _FILE.fullmatch(path.name)]
    except OSError:
        return ()
    stamps = [(name, found.st_mtime_ns) for name, found in files if found.st_size <= _LONGEST]
    return _read_all(folder, tuple(sorted(stamps)))


def find_text(name: str) -> Text | None:
    """The page of that name."""
    return next((text for text in texts() if text.name == name), None)


@lru_cache(maxsize=2)
def _read_all(folder: Path, stamps: tuple[tuple[str, int], ...]) -> tuple[Text, ...]:
    return tuple(_read(folder / name) for name, _ in stamps)


def _read(path: Path) -> Text:
    found = _FILE.fullmatch(path.name)
    name = found[1] if found else path.stem
    source = path.read_text("utf-8", "replace")
    heading = _TITLE.match(source)
    title = heading[1] if heading else name.replace("-", " ").capitalize()
    body = source[heading.end() :] if heading else source
    html = nh3.clean(MarkdownIt("commonmark").enable("table").render(body))
    first = html.partition("<p>")[2].partition("</p>")[0]
    return Text(name, title, Markup(html), Markup(_TAG.sub("", first)).unescape()[:300])
