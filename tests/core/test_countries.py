"""Countries as lists and refusals name them: in the shop's language, where people look for them."""

import pytest

from lex.core import countries
from lex.core.settings import settings


@pytest.mark.parametrize(
    ("locale", "order"),
    [
        ("en", ["Åland Islands", "Austria", "Germany", "Zambia"]),
        ("de", ["Ålandinseln", "Deutschland", "Österreich", "Sambia"]),
    ],
)
def test_lists_are_in_the_shops_language_and_sorted_as_read(
    monkeypatch: pytest.MonkeyPatch, locale: str, order: list[str]
) -> None:
    monkeypatch.setenv("LEX_LOCALE", locale)
    settings.cache_clear()
    told = [name for _, name in countries.options(["ZM", "AX", "DE", "AT"])]
    everywhere = [name for _, name in countries.options()]
    sark = countries.checked("CQ")
    settings.cache_clear()
    assert told == order
    assert [name for name in everywhere if name in order] == order
    assert sark == "CQ", "a code is one whatever the language has names for"
