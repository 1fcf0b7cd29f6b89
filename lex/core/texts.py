"""Texts from outside: slugs, and what a stored text may hold."""

import re
import unicodedata
from collections.abc import Collection
from urllib.parse import urlsplit

from slugify import slugify

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# What turns the order of letters around, breaks lines or speaks to a terminal, besides the controls above.
_HIDDEN = re.compile(r"[\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: Letters and signs by their category that show nothing: fillers of Hangul, the empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_web_address(url: str) -> bool:
    """Whether a text is an http(s) address a browser can be sent to: plain ASCII, with a host, nothing hidden in it."""
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url
        return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def make_slug(text: str, fallback: str = "item", longest: int = 200) -> str:
    """A slug of any text, transliterated: `make_slug("Größe – 日本")` is "grosse-ri-ben"; `fallback` for no letter."""
    return slugify(text.replace("ß", "ss"), max_length=longest, word_boundary=True) or fallback


def free_slug(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the first of `wanted-2`, `wanted-3` … that is not taken."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def fault_in(text: str, *, longest: int, shortest: int = 0, one_line: bool = True) -> str | None:
    """Why a text cannot be stored, as a sentence, or None: too short, too long, or control characters in it."""
    if len(text) < shortest or (shortest and not text.strip()):
        return "It is empty; write something."
    if len(text) > longest:
        return f"It has {len(text)} characters; {longest} are the most."
    if (_LINE_CONTROL if one_line else _CONTROL).search(text):
        return "It holds control characters; remove them."
    return None


def fault_in_writing(text: str, *, longest: int, shortest: int = 0, one_line: bool = True) -> str | None:
    """`fault_in` for what people write of themselves and is read in mails, on labels and in terminals.

    Nor may it hold characters that turn its direction around, or nothing that can be seen.
    """
    if fault := fault_in(text, longest=longest, shortest=shortest, one_line=one_line):
        return fault
    if _HIDDEN.search(text):
        return "It holds hidden characters that change how it is read; type it anew."
    return "It holds nothing that can be seen; write something." if text.strip() and not _is_visible(text) else None


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(letter)[0] in "LNPS" and letter not in _BLANK for letter in text)


def for_terminal(text: str) -> str:
    """A text without what a terminal would obey; line ends and tabs stay."""
    return _HIDDEN.sub("", _CONTROL.sub("", text))
