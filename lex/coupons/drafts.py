"""A coupon as staff want it. Amounts in minor units, percentages as exact text."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from lex.core.errors import FieldError
from lex.core.texts import fault_in

Amount = Annotated[int, msgspec.Meta(ge=0, le=9_999_999_999, description="In minor units.")]
Number = Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
Units = Annotated[int, msgspec.Meta(ge=1, le=9999)]
Percent = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(100(\.0{1,3})?|[0-9]{1,2}(\.[0-9]{1,3})?)$",
        description="Percent, such as 10 or 12.5.",
        examples=["12.5"],
        extra={"must": "Must be a percentage from 0 to 100 as text, such as 10 or 12.5."},
    ),
]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Ids = Annotated[list[UUID], msgspec.Meta(max_length=500)]
Kind = Literal["fixed", "percentage", "free_shipping", "buy_x_get_y"]

#: What each type needs, and no other takes.
_NEEDS = {
    "fixed": ("amount",),
    "percentage": ("percentage",),
    "free_shipping": (),
    "buy_x_get_y": ("buy_quantity", "get_quantity"),
}
_VALUES = ("amount", "percentage", "buy_quantity", "get_quantity")
#: The longest code of a bulk coupon: its unique codes begin with it.
LONGEST_PREFIX = 40


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a coupon covers, by id: any of these; nothing at all means everything. A family covers its variants, a
    category all below it.
    """

    products: Ids = []
    categories: Ids = []
    services: Ids = []
    plans: Ids = []


class CouponTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change of a coupon. A limit or instant that is null does not limit.

    `minimum_amount` is of the goods it covers, before discounts. Of coupons that do not all go together the larger
    `priority` is taken; one that is not `is_stackable` stands alone, and of those `is_exclusive` at most one counts.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    amount: Amount | None = None
    percentage: Percent | None = None
    buy_quantity: Units | None = None
    get_quantity: Units | None = None
    minimum_amount: Amount | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    usage_limit: Number | None = None
    usage_limit_per_customer: Number | None = None
    is_stackable: bool = False
    is_exclusive: bool = False
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    scope: Scope | None = None
    is_active: bool = True

    def faults(self, kind: str) -> list[FieldError]:
        """Every field that cannot be, for a coupon of that type."""
        errors = [
            FieldError(field, f"A coupon of type {kind} needs this.", "required")
            for field in _NEEDS[kind]
            if getattr(self, field) is None
        ]
        errors += [
            FieldError(field, f"A coupon of type {kind} takes no {field}; leave it out.", "not_taken")
            for field in _VALUES
            if field not in _NEEDS[kind] and getattr(self, field) is not None
        ]
        if self.name is not None and (fault := fault_in(self.name, longest=200, shortest=1)):
            errors.append(FieldError("name", fault))
        errors += [
            FieldError(field, "Give a day from 1971 to 9890.", "range")
            for field in ("starts_at", "ends_at")
            if (instant := getattr(self, field)) is not None and not 1971 <= instant.year <= 9890
        ]
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors.append(FieldError("ends_at", "The end lies before the beginning.", "range"))
        if self.percentage is not None and not Decimal(self.percentage):
            errors.append(FieldError("percentage", "Nothing would be taken off; give more than 0.", "range"))
        if self.amount == 0:
            errors.append(FieldError("amount", "Nothing would be taken off; give more than 0.", "range"))
        return errors


class NewCoupon(CouponTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coupon to make: `fixed` takes `amount`, `percentage` takes `percentage`, `buy_x_get_y` takes `buy_quantity` and
    `get_quantity`, `free_shipping` none. Of a coupon with `is_bulk` only unique codes are accepted, never its own.
    """

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    type: Kind
    is_bulk: bool = False
