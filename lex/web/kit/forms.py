"""What a browser's form sends: plain text by field name."""

import re
from collections.abc import Mapping
from typing import Any

from litestar import Request

from lex.core.errors import FieldError, Invalid
from lex.core.texts import fault_in_writing
from lex.web.kit.refusals import InvalidFields

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields, trimmed; of several with one name the last. Raises `Invalid` for files and for NUL in a text."""
    values: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if not isinstance(value, str):
            raise Invalid(name, "This form takes no files.")
        if "\x00" in name or "\x00" in value:
            raise InvalidFields(
                [FieldError(name.replace("\x00", "\ufffd"), "Must not contain the NUL character.", "text")]
            )
        values[name] = value.strip()
    return values


def whole_number(form: Mapping[str, str], field: str, *, least: int, most: int, missing: str = "") -> int:
    """A whole number of a form. Raises `Invalid` naming the field and what it takes."""
    text = form.get(field, missing)
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        shown = f"“{text[:20]}” is not possible" if text else "A number is missing"
        raise Invalid(field, f"{shown}; give a whole number from {least} to {most}.")
    return int(text)


def text_fault(text: str, *, longest: int, needed: str = "", one_line: bool = True) -> str | None:
    """Why a text cannot be taken, or None; `needed` is what an empty one is told, and lets it pass when it is not."""
    if not text:
        return needed or None
    return fault_in_writing(text, longest=longest, one_line=one_line)


def has_card_number(form: Mapping[str, str], *but: str) -> bool:
    """Whether a field other than `but` holds what looks like a card number: it must not get any further."""
    return any(
        _is_card(re.sub(r"\D", "", found))
        for field, text in form.items()
        if field not in but
        for found in _CARD.findall(text)
    )


def _is_card(digits: str) -> bool:
    """The check digit every card number ends in (Luhn)."""
    doubled = [int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
