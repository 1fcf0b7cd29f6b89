"""Amounts: integer minor units (cents) in code, numeric(10,2) major units in the database.

Rounding is half-up, once per line total. Every share that is split here adds up again to the cent.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from lex.core.errors import Invalid

#: The largest amount numeric(10,2) holds, in minor units of a currency with two decimals; `largest` knows all.
MAX_AMOUNT = 10**10 - 1

# ISO 4217 exponents that are not 2. Three and four decimals do not fit numeric(10,2).
_NO_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_TOO_FINE = {**dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), "three"), "CLF": "four", "UYW": "four"}


#: Currencies without decimals, for statements that scale each row by its own.
WITHOUT_DECIMALS = sorted(_NO_DECIMALS)


def exponent(currency: str) -> int:
    """Decimals of an ISO 4217 currency: 2 or 0. Raises `Invalid` for one with more, or a malformed code."""
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise Invalid("currency", f"“{currency[:12]}” is not a currency code; use three capitals such as EUR.")
    if currency in _TOO_FINE:
        raise Invalid("currency", f"{currency} has {_TOO_FINE[currency]} decimals, which Lex does not support.")
    return 0 if currency in _NO_DECIMALS else 2


def scale(currency: str) -> int:
    """Minor units in one of a currency, for statements that answer minor units: 100 for EUR, 1 for JPY."""
    return int(10 ** exponent(currency))


def largest(currency: str) -> int:
    """The largest amount of a currency that numeric(10,2) holds, in minor units: 99999999.99 EUR, 99999999 JPY."""
    return 10**8 * scale(currency) - 1


def minor(amount: Decimal | str, currency: str, field: str = "amount") -> int:
    """Major units to minor units: `minor("19.90", "EUR")` is 1990, `minor("1999", "JPY")` is 1999.

    Raises `Invalid` naming `field` when the amount has more decimals than the currency, is not a finite
    number, or does not fit numeric(10,2).
    """
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise Invalid(field, f"“{str(amount)[:40]}” is not an amount; write it as 19.90.") from None
    if not value.is_finite():
        raise Invalid(field, "An amount must be a finite number.")
    if abs(value) >= 10**8:
        raise Invalid(field, "The amount is larger than 99999999.99.")
    scaled = value.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise Invalid(field, f"{value} has more decimals than {currency} has.")
    return int(scaled)


def major(amount: int, currency: str) -> Decimal:
    """Minor units to major units, with the currency's decimals: `major(1990, "EUR")` is Decimal("19.90")."""
    places = exponent(currency)
    return Decimal(amount).scaleb(-places).quantize(Decimal(1).scaleb(-places))


def format_amount(amount: int, currency: str) -> str:
    """For people and logs: `format_amount(123450, "EUR")` is "1,234.50 EUR"."""
    return f"{major(amount, currency):,} {currency}"


def round_half_up(value: Decimal) -> int:
    """To whole minor units, halves away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def tax_in(gross: int, rate: Decimal) -> int:
    """The tax inside a gross line total; `rate` in percent. net = round(gross / (1+r)), so gross never moves."""
    return gross - round_half_up(Decimal(gross) / (1 + rate / 100))


def tax_on(net: int, rate: Decimal) -> int:
    """The tax on a net line total; `rate` in percent."""
    return round_half_up(Decimal(net) * rate / 100)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` over `weights` by largest remainder; ties go to the earlier weight.

    The shares add up to `amount`, and 0 ≤ share ≤ weight whenever 0 ≤ amount ≤ sum(weights).
    Raises ValueError when there is something to split and no weight to carry it, or a weight is negative.
    """
    total = sum(weights)
    if amount < 0 or any(weight < 0 for weight in weights):
        raise ValueError("split takes no negative amount or weight")
    if total == 0:
        if amount:
            raise ValueError("nothing to carry the amount")
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    missing = amount - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[:missing]:
        shares[i] += 1
    return shares


def split_evenly(amount: int, units: int) -> list[int]:
    """A line's amount over its units, so that every unit has a fixed part: `split_evenly(100, 3)` is [34, 33, 33]."""
    return split(amount, [max(amount, 1)] * units)
