"""What an address needs in each country, and how it is written there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.core import countries
from lex.core.errors import Invalid
from lex.identity.address_forms import address_form, address_lines
from lex.identity.addresses import PostalAddress, address_faults
from lex.identity.phones import checked_phone

ADA = {"recipient_name": "Ada", "line1": "1 Main", "city": "Town"}


def address(country: str, **more: str) -> PostalAddress:
    """Ada's, somewhere."""
    parts: dict[str, Any] = {**ADA, "country": country, **more}
    return PostalAddress(**parts)


@pytest.mark.parametrize(
    ("country", "more", "lines"),
    [
        ("DE", {"postal_code": "28195"}, ["Ada", "1 Main", "28195 Town", "Germany"]),
        ("DE", {"postal_code": "28195", "region": "Nord"}, ["Ada", "1 Main", "28195 Town", "Nord", "Germany"]),
        ("US", {"postal_code": "94043", "region": "california"}, ["Ada", "1 Main", "Town, CA 94043", "United States"]),
        ("GB", {"postal_code": "ec1y 8sy"}, ["Ada", "1 Main", "Town", "EC1Y 8SY", "United Kingdom"]),
        ("IE", {}, ["Ada", "1 Main", "Town", "Ireland"]),
        ("AE", {"region": "Dubai"}, ["Ada", "1 Main", "Dubai", "Town", "United Arab Emirates"]),
        ("CA", {"postal_code": "h3z 2y7", "region": "Québec"}, ["Ada", "1 Main", "Town QC H3Z 2Y7", "Canada"]),
        ("FR", {"postal_code": "７５００２", "company": "Co"}, ["Co", "Ada", "1 Main", "75002 Town", "France"]),
        ("EA", {}, ["Ada", "1 Main", "Town", "Ceuta & Melilla"]),
    ],
)
def test_an_address_is_written_as_in_its_country(country: str, more: dict[str, str], lines: list[str]) -> None:
    given_ = address(country, **more)
    given_.check()
    kept = given_.normal()
    assert address_lines({name: getattr(kept, name) for name in kept.__struct_fields__}) == lines


def test_scripts_that_begin_with_the_country_are_written_so() -> None:
    parts = {"recipient_name": "山田", "line1": "2丁目", "region": "東京都", "postal_code": "154-0023", "country": "JP"}
    assert address_lines(parts) == ["154-0023", "東京都", "2丁目", "山田", "Japan"]


@pytest.mark.parametrize(
    ("country", "more", "codes"),
    [
        ("DE", {}, {"postal_code": "required"}),
        ("DE", {"postal_code": "281950"}, {"postal_code": "text"}),
        ("GB", {"postal_code": "GIR 0AA and more"}, {"postal_code": "text"}),
        ("US", {"postal_code": "94043"}, {"region": "required"}),
        ("US", {"postal_code": "94043", "region": "Bavaria"}, {"region": "text"}),
        ("US", {"postal_code": "10001", "region": "CA"}, {"postal_code": "text"}),
        (
            "US",
            {"postal_code": "1", "region": "nowhere", "city": " "},
            dict.fromkeys(("postal_code", "region"), "text"),
        ),
        ("HK", {}, {"region": "required"}),
    ],
)
def test_each_fault_is_told_by_its_field(country: str, more: dict[str, str], codes: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        address(country, **more).check("shipping_address")
    found = {fault.field.removeprefix("shipping_address."): fault.code for fault in refused.value.errors}
    assert found == codes | ({"city": "required"} if more.get("city") == " " else {})
    assert all(fault.field.startswith("shipping_address.") for fault in refused.value.errors)


def test_every_country_takes_its_own_example() -> None:
    for country in countries.names():
        form = address_form(country)
        # Where there are regions the example is of any of them.
        wants = {"region"} if form.needs_region else set()
        faults = address_faults({**ADA, "postal_code": form.postal_example}, country)
        assert {fault.field for fault in faults} == wants, country


@given(
    st.dictionaries(st.sampled_from(["recipient_name", "line1", "line2", "city", "region", "postal_code"]), st.text())
)
def test_whatever_is_typed_is_told_or_written(parts: dict[str, str]) -> None:
    for country in ("US", "JP", "AE", "BR", "XX"):
        address_faults(parts, country)
        assert address_lines({**parts, "country": country})


@pytest.mark.parametrize(
    ("text", "country", "kept"),
    [
        ("0421 123456", "DE", "+49 421 123456"),
        ("(650) 253-0000", "US", "+1 650-253-0000"),
        ("+44 20 7031 3000", "DE", "+44 20 7031 3000"),
        ("٠٤٢١ ١٢٣٤٥٦", "DE", "+49 421 123456"),
    ],
)
def test_a_phone_number_is_kept_as_it_is_dialled_from_anywhere(text: str, country: str, kept: str) -> None:
    assert checked_phone(text, country) == kept


@pytest.mark.parametrize("text", ["", "1", "call me", "0421/123456 (mobile)", "1" * 40, "+49 421 1 ext 5", "tel:+49"])
def test_what_is_no_phone_number_is_told_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"such as \+49 "):
        checked_phone(text, "DE", "phone")
