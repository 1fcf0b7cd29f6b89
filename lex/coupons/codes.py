"""Codes as people type them and as they are made."""

import re
import secrets

from lex.core.errors import Invalid

LONGEST = 64
_CODE = re.compile(rf"[A-Z0-9][A-Z0-9_-]{{0,{LONGEST - 1}}}")
#: No letter that is read as a digit, and no vowel that spells a word.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"
_RANDOM = 10  # 28^10: nobody finds one of 100,000 by trying


def folded(typed: str) -> str:
    """How codes are compared: trimmed, in capitals, whatever was typed."""
    return typed.strip().upper()


def normal_code(typed: str, field: str = "code") -> str:
    """A code as it is stored: trimmed, in capitals. Raises `Invalid` for what can be no code."""
    code = folded(typed)
    if not _CODE.fullmatch(code):
        told = f"A coupon code has at most {LONGEST} characters: A–Z, 0–9, - and _, beginning with a letter or digit."
        raise Invalid(field, told if code else "Write the code of the coupon.", code="coupon_code")
    return code


def new_codes(prefix: str, number: int) -> list[str]:
    """Different random codes `PREFIX-XXXXXXXXXX`."""
    made: set[str] = set()
    while len(made) < number:
        made.add(f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))}")
    return sorted(made)
