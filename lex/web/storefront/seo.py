"""What a page tells search engines and whoever shares its address."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from markupsafe import Markup

from lex.core import codec
from lex.core.settings import settings

_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")
_LONGEST = 160  # characters of a description that a result shows


@dataclass(frozen=True, slots=True)
class Seo:
    """Title, description, the page's one address as a path, its picture as a path, and structured data."""

    title: str
    description: str = ""
    path: str = ""
    image: str = ""
    kind: str = "website"
    data: Markup | None = None
    is_indexed: bool = True


def plain(html: str | None, longest: int = _LONGEST) -> str:
    """The words of a description, cut at a word's end."""
    words = _SPACE.sub(" ", unescape(_TAG.sub(" ", html or ""))).strip()
    if len(words) <= longest:
        return words
    return words[: longest - 1].rsplit(" ", 1)[0].rstrip(".,;:– ") + "…"


def own(image: dict[str, Any] | None) -> str:
    """The path of a picture that is the shop's own; empty for one of another host."""
    source = str((image or {}).get("src") or "")
    return source if source.startswith("/") and not source.startswith("//") else ""


def absolute(path: str) -> str:
    """A path as the address customers reach it at."""
    return settings().address + path


def linked_data(*things: dict[str, Any]) -> Markup:
    """JSON-LD for a script element: nothing in a name can end it."""
    document = [{"@context": "https://schema.org", **thing} for thing in things]
    text = codec.encode(document[0] if len(document) == 1 else document).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def breadcrumb(steps: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """BreadcrumbList of name and path, from the top."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": name, "item": absolute(path)}
            for place, (name, path) in enumerate(steps, 1)
        ],
    }
