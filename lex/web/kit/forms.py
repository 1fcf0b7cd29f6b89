"""What a browser's form sends: plain text by field name."""

import re
from collections.abc import Mapping
from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException

from lex.core.errors import FieldError, Invalid
from lex.core.texts import fault_in_writing
from lex.web.kit.refusals import InvalidFields, Malformed

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
#: More than any form of ours has; taking apart what a flood of them holds would keep everybody waiting.
_MOST_FIELDS = 200
#: Digits with what people write between them.
_DIGITS = re.compile(r"\d(?:[\s.,_/\u200b\u2010-\u2015-]{0,3}\d){12,}")
#: How long card numbers are, by their first digit.
_CARDS = {"2": (16,), "3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}
_LONGEST_PHONE = 15


async def form_of(request: Request[Any, Any, Any]) -> FormMultiDict:
    """The form as it was sent. Raises `Malformed` for one that cannot be read or has too many fields."""
    is_plain = request.content_type[0] == RequestEncodingType.URL_ENCODED
    if is_plain and (await request.body()).count(b"&") >= _MOST_FIELDS:
        raise Malformed(f"A form has at most {_MOST_FIELDS} fields.")
    try:
        return await request.form()
    except HTTPException:
        raise
    except (ValueError, LookupError) as error:
        raise Malformed("The form cannot be read: send its fields as UTF-8.") from error


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The fields, trimmed; of several with one name the last. Raises `Invalid` for files and for NUL in a text."""
    values: dict[str, str] = {}
    for name, value in (await form_of(request)).multi_items():
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
        (_is_no_phone if field == "phone" else _has_card)(text) for field, text in form.items() if field not in but
    )


def _is_no_phone(text: str) -> bool:
    """A phone number has at most 15 digits. One with its country or area code in front may look like a card's."""
    digits = re.sub(r"[^\d+]", "", text)
    if digits.startswith(("+", "0")):
        return len(digits.removeprefix("00").lstrip("+")) > _LONGEST_PHONE
    return len(digits) > _LONGEST_PHONE or _has_card(text)


def _has_card(text: str) -> bool:
    """Whether any stretch of the digits has a card's beginning, length and check digit, whatever stands around it."""
    for found in _DIGITS.findall(text):
        digits = re.sub(r"\D", "", found)
        for start, first in enumerate(digits):
            ends = (start + length for length in _CARDS.get(first, ()))
            if any(end <= len(digits) and _is_card(digits[start:end]) for end in ends):
                return True
    return False


def _is_card(digits: str) -> bool:
    """The check digit every card number ends in (Luhn)."""
    doubled = [int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
