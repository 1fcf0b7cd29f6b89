"""Phone numbers, as libphonenumber knows them."""

import re
from contextlib import suppress

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from lex.core.errors import Invalid

#: Digits of any script and what people write between them: words beside a number would become digits, as on its keys.
_WRITTEN = re.compile(r"[\d\s()+./-]{1,40}")


def checked_phone(text: str, country: str, field: str = "phone") -> str:
    """A number as it is dialled from anywhere: `0421 123456` in DE is `+49 421 123456`.

    It has to be possible in its country, by its length; whether anybody has it is not asked. Raises `Invalid` naming
    `field`.
    """
    number = None
    with suppress(NumberParseException):
        number = phonenumbers.parse(text, country) if _WRITTEN.fullmatch(text) else None
    if number is None or not phonenumbers.is_possible_number(number):
        example = phonenumbers.example_number(country)
        shown = phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL) if example else "+49 421 123456"
        raise Invalid(
            field, f"This is no phone number. Write it with its country's code, such as {shown}.", code="phone"
        )
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
