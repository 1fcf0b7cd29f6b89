"""Letters: what a notification says, as text and as HTML, in the reader's language.

Every sentence of the templates is marked for the message catalogue; a language without one is written to in English.
"""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, PackageLoader, StrictUndefined

from lex.core import money, wording

_LOCALES = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered notification."""

    subject: str
    text: str
    html: str


def render(template: str, locale: str, facts: Mapping[str, Any]) -> Letter:
    """Render `<template>.txt`, whose first line is the subject, and `<template>.html`.

    Raises `jinja2.UndefinedError` when the template tells something `facts` does not hold.
    """
    room = _environment(language_of(locale))
    subject, _, text = room.get_template(f"{template}.txt").render(facts).partition("\n")
    return Letter(subject.strip(), text.strip() + "\n", room.get_template(f"{template}.html").render(facts))


def amount(value: Decimal | str, currency: str, locale: str = "") -> str:
    """Major units as money is written to people."""
    return wording.amount(money.minor(value, currency), currency, locale)


def language_of(locale: str) -> str:
    """The language somebody is written to in: theirs, or English where there is no such language."""
    try:
        return str(Locale.parse(locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return "en"


@lru_cache(maxsize=32)
def _environment(language: str) -> Environment:
    room = Environment(
        loader=PackageLoader("lex.notifications"),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.policies["ext.i18n.trimmed"] = True
    words = gettext.translation("messages", _LOCALES, [language, language.partition("_")[0]], fallback=True)
    room.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
    room.filters["amount"] = lambda value, currency: amount(value, currency, language)
    room.filters["day"] = lambda at: wording.day(at, language)
    return room
