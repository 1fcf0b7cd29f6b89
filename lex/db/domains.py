"""What a value must be, wherever it stands: PostgreSQL's domains as types of columns.

An amount is never negative, a status is one of its values: that belongs to the type. How the values of a row belong
together, and a shape that one column alone has, is a CHECK of the table. PostgreSQL reads a type once a session and
looks at a value when it is written; the CHECKs of a table it reads anew in every statement that writes to the table,
whatever columns that names.

Where a parameter is written to a column of a domain and used once more in its statement, it needs a cast to the type
underneath: `%(kind)s::text`. PostgreSQL takes it for the domain in one place and for text in the other, and refuses.
"""

from typing import Any

from sqlalchemy import DateTime, Integer, Numeric, Text
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.sql.operators import OperatorClass
from sqlalchemy.types import TypeEngine


class Domain(DOMAIN):
    """A type over another, with the operators of that one."""

    operator_classes = OperatorClass.ANY


def domain(name: str, over: TypeEngine[Any], check: str) -> Domain:
    """A domain; `check` says of `VALUE` what holds."""
    return Domain(name, over, check=check, constraint_name=f"ck_{name}")


def one_of(name: str, *values: str) -> Domain:
    """A text that is one of these. Not an enum: its comparison is not leakproof and blocks indexes under policies."""
    return domain(name, Text(), f"VALUE = ANY ('{{{','.join(values)}}}')")


#: Money in major units, never negative; code works in minor units (core/money.py).
AMOUNT = domain("amount", Numeric(10, 2), "VALUE >= 0 AND VALUE < 'NaN'")
#: Percent, 0 to 100.
PERCENTAGE = domain("percentage", Numeric(6, 3), "VALUE BETWEEN 0 AND 100")
#: A mean of stars, 1 to 5.
RATING = domain("rating", Numeric(3, 2), "VALUE BETWEEN 1 AND 5")
POSITIVE_INTEGER = domain("positive_integer", Integer(), "VALUE > 0")
NON_NEGATIVE_INTEGER = domain("non_negative_integer", Integer(), "VALUE >= 0")
#: A name in an address: small letters and digits, words joined by dashes.
SLUG = domain("slug", Text(), "VALUE ~ '^[a-z0-9]+(-[a-z0-9]+)*$'")
#: ISO 4217: three letters.
CURRENCY_CODE = domain("currency_code", Text(), "VALUE ~ '^[A-Z]{3}$'")
#: ISO 3166-1 alpha-2: two letters.
COUNTRY_CODE = domain("country_code", Text(), "VALUE ~ '^[A-Z]{2}$'")
#: A time that programs and people can read, 1970 to 9892: neither infinite nor before Christ.
INSTANT = domain("instant", DateTime(timezone=True), "date_part('epoch', VALUE) BETWEEN 0 AND 250000000000")
#: Why an order ended, and why its money went back. What there is to say of it is a note beside the order.
CANCEL_REASON = one_of("cancel_reason", "customer", "shop", "expired")
