"""What a product may be: pure rules, proved on many inputs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.catalog.drafts import ProductDraft
from lex.catalog.rules import check_product, clean_html
from lex.core import cursors
from lex.core.errors import Invalid
from lex.core.texts import SLUG, free_slug, make_slug
from lex.services import schedules


@given(st.text(max_size=300))
def test_every_text_makes_a_slug(text: str) -> None:
    slug = make_slug(text)
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 200


def test_slugs_read_like_the_words() -> None:
    assert make_slug("Größe – Crème brûlée") == "grosse-creme-brulee"
    assert make_slug("日本") == "ri-ben"
    assert make_slug("!!!", "product") == "product"


def test_a_taken_slug_gets_the_next_number() -> None:
    assert free_slug("bell", {"bell", "bell-2"}) == "bell-3"
    assert free_slug("bell", set()) == "bell"


def test_descriptions_lose_what_could_run() -> None:
    cleaned = clean_html("<p onclick=x>Hi</p><script>x</script><a href='javascript:x'>l</a><img src=x onerror=y>")
    assert cleaned == '<p>Hi</p><a rel="noopener noreferrer">l</a>'
    assert clean_html("  ") is None


@given(st.text(alphabet=st.sampled_from("<>/ab&;=\"'! -xp\n"), max_size=60))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_html(text)
    assert clean_html(once) == once
    assert not re.search(r"<(script|img|style)", once or "")


def test_all_bad_fields_are_told_at_once() -> None:
    draft = ProductDraft(
        name=" ",
        sku="",
        price=-1,
        slug="Not a slug",
        images=[{"src": "javascript:alert(1)"}],
        tags=["ok", "\x00"],
        weight_grams=-5,
        tax_class="No Class",
    )
    with pytest.raises(Invalid) as refused:
        check_product(draft)
    fields = {error.field for error in refused.value.errors}
    assert fields == {"name", "sku", "price", "slug", "images.0.src", "tags", "weight_grams", "tax_class"}


@pytest.mark.parametrize(
    "cursor", ["", "x", "WzFd", "eyJhIjoxfQ", "W1tbW1tbW1tb", "A" * 3000, "WyJuYW1lIixudWxsLG51bGxd", "ü", "\x00"]
)
def test_a_cursor_that_was_not_made_here_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        cursors.decode(cursor, "name", (str, str))
    assert refused.value.errors[0].field == "cursor"


@given(st.text(max_size=40).filter(lambda text: "\0" not in text), st.integers(-(2**31) + 1, 2**31 - 1))
def test_cursors_come_back_as_they_went(text: str, number: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert cursors.decode(cursors.encode("name", text, number), "name", (str, int)) == [text, number]


@pytest.mark.parametrize(
    ("week", "zone", "field"),
    [
        ({"monday": [["09:00", "17:00"]]}, "Mars/Base", "timezone"),
        ({"funday": []}, "UTC", "availability"),
        ({"monday": [["9", "17:00"]]}, "UTC", "availability.monday.0"),
        ({"monday": [["17:00", "09:00"]]}, "UTC", "availability.monday.0"),
        ({"monday": [["09:00", "12:00"], ["11:00", "13:00"]]}, "UTC", "availability.monday.1"),
    ],
)
def test_schedules_name_their_faults(week: dict[str, list[list[str]]], zone: str, field: str) -> None:
    assert [fault.field for fault in schedules.faults(week, zone)] == [field]


def test_a_window_may_close_at_midnight_and_touch_the_next() -> None:
    week = {"friday": [["22:00", "23:00"], ["23:00", "24:00"]], "saturday": [["00:00", "00:30"]]}
    assert list(schedules.faults(week, "Asia/Kathmandu")) == []
