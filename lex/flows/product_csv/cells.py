"""Cells read as amounts, counts and flags; what cannot be read becomes a problem with its way out."""

import hashlib
import re
from decimal import Decimal, InvalidOperation

from lex.core import money
from lex.core.errors import Invalid
from lex.core.texts import make_slug
from lex.flows.product_csv.problems import Problem
from lex.flows.product_csv.source import Row, is_formula

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?")
_WHOLE = re.compile(r"(-?\d{1,12})(\.0+)?")
_MOST = 10**9
GRAMS = {
    "kg": Decimal(1000),
    "g": Decimal(1),
    "lbs": Decimal("453.59237"),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}


class Reading:
    """One row being read: gathers its problems."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.problems: list[Problem] = []

    @property
    def is_broken(self) -> bool:
        """Whether an error was found."""
        return any(problem.kind == "error" for problem in self.problems)

    def error(self, column: str, message: str, way_out: str) -> None:
        """The row cannot be imported."""
        self.problems.append(Problem(self.row.line, column, message, way_out))

    def note(self, column: str, message: str, way_out: str = "") -> None:
        """The row is imported, and something about it was understood otherwise than written."""
        self.problems.append(Problem(self.row.line, column, message, way_out, "note"))

    def amount(self, column: str, currency: str) -> int | None:
        """An amount in minor units; None for an empty cell and for a fault."""
        text = self.row.get(column)
        if not text:
            return None
        if not _AMOUNT.fullmatch(text):
            self.error(column, f"“{text[:40]}” is not an amount.", "Write digits and a point, such as 19.90.")
            return None
        try:
            return money.minor(_trimmed(text), currency, column)
        except Invalid as refusal:
            self.error(column, refusal.message, f"Write the amount as {currency} has it.")
            return None

    def whole(self, column: str) -> int | None:
        """A whole number; None for an empty cell and for a fault."""
        text = self.row.get(column)
        if not text:
            return None
        match = _WHOLE.fullmatch(text)
        if not match or abs(int(match[1])) > _MOST:
            self.error(column, f"“{text[:40]}” is not a whole number.", "Write digits only, such as 12.")
            return None
        return int(match[1])

    def grams(self, column: str, unit: str) -> int | None:
        """A weight in whole grams, halves up; None for an empty cell and for a fault."""
        text = self.row.get(column)
        if not text:
            return None
        try:
            weight = Decimal(text) * GRAMS[unit]
        except InvalidOperation:
            weight = Decimal(-1)
        if not weight.is_finite() or not 0 <= weight < 2**31 - 1:
            self.error(column, f"“{text[:40]}” is not a weight.", f"Write the number of {unit}, such as 1.5.")
            return None
        return money.round_half_up(weight)

    def flag(self, column: str, *, default: bool) -> bool:
        """true or false, as either format writes it."""
        text = self.row.get(column).lower()
        if text in ("true", "1", "yes"):
            return True
        if text in ("false", "0", "no"):
            return False
        if text:
            self.error(column, f"“{text[:40]}” is neither true nor false.", "Write true or false.")
        return default

    def check_formulas(self) -> None:
        """Text that a spreadsheet program would run stays text; it is told once."""
        for column, cell in self.row.cells.items():
            if is_formula(cell):
                self.note(column, "The cell starts like a formula; it is kept as text.")


def _trimmed(text: str) -> str:
    """Zeros after the point carry nothing: "1999.00" is an amount of a currency without cents too."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def major(amount: int | None, currency: str) -> str:
    """An amount as it is written; empty for none."""
    return "" if amount is None else str(money.major(amount, currency))


def split_list(text: str, separator: str = ",") -> list[str]:
    """`a, b\\, c` → ["a", "b, c"], without empty and repeated entries."""
    parts = re.split(rf"(?<!\\){re.escape(separator)}", text)
    return list(dict.fromkeys(part for raw in parts if (part := raw.replace("\\" + separator, separator).strip())))


def join_list(parts: list[str], separator: str = ", ") -> str:
    """What `split_list` reads back."""
    mark = separator.strip()
    return separator.join(part.replace(mark, "\\" + mark) for part in parts)


def made_sku(*words: str, longest: int = 90) -> str:
    """A SKU for a thing that has none: its handle and choice in capitals, the same each time."""
    whole = "-".join(words)
    slug = "-".join(make_slug(word, "x", 255) for word in words)
    if len(slug) <= longest:
        return slug.upper()
    return f"{slug[: longest - 9]}-{digest(whole)}".upper()


def digest(text: str) -> str:
    """Eight characters that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
