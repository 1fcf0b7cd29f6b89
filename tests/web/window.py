"""Pages of the storefront as tests read them."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from tests.web.conftest import Client

HTML = {"Accept": "text/html"}


class Page(HTMLParser):
    """A page's elements: `links`, `tags` with their attributes, `words` a reader sees, JSON-LD as `data`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._inside: list[str] = []
        self.feed(text)
        found = re.search(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
        self.data: list[dict[str, Any]] = []
        if found:
            parsed = json.loads(found[1])
            self.data = parsed if isinstance(parsed, list) else [parsed]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._words.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._words))

    @property
    def links(self) -> list[str]:
        return [attrs["href"] for tag, attrs in self.tags if tag == "a" and "href" in attrs]

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Attributes of every such element."""
        return [attrs for name, attrs in self.tags if name == tag and all(attrs.get(k) == v for k, v in wanted.items())]

    def meta(self, name: str) -> str:
        """The content of a meta element by name or property."""
        for tag, attrs in self.tags:
            if tag == "meta" and name in (attrs.get("name"), attrs.get("property")):
                return attrs["content"]
        return ""

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.text, re.DOTALL)
        return unescape(found[1]) if found else ""

    def thing(self, kind: str) -> dict[str, Any]:
        """The JSON-LD of a type."""
        return next(entry for entry in self.data if entry["@type"] == kind)


async def see(client: Client, path: str, status: int = 200, **headers: str) -> Page:
    """A page, with the status it must have."""
    answer = await client.get(path, headers={**HTML, **headers})
    assert answer.status_code == status, answer.text[:2000]
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return Page(answer.text)
