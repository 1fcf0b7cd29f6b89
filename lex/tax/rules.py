"""Which rate applies, and what it makes of an amount."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from lex.core import money


class Taxed(msgspec.Struct, frozen=True):
    """An amount in minor units, taken apart. `total = net + tax`."""

    net: int
    tax: int
    total: int


def rate_for(rates: Mapping[str, Decimal], country: str, tax_class: str) -> Decimal:
    """The percent of a class in a country; nothing is charged where no rate is set."""
    return rates.get(f"{country}:{tax_class}", Decimal(0))


def taxed(amount: int, rate: Decimal, *, inclusive: bool) -> Taxed:
    """Take the tax out of an inclusive amount, or put it on an exclusive one; rounded once, half-up."""
    if inclusive:
        tax = money.tax_in(amount, rate)
        return Taxed(amount - tax, tax, amount)
    tax = money.tax_on(amount, rate)
    return Taxed(amount, tax, amount + tax)
