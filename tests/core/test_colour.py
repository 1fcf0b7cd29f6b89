"""A merchant's accent: read, and corrected until it can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lex.core import colour
from lex.core.colour import READABLE, Oklch, contrast, dark_accent, light_accent
from lex.core.errors import Invalid
from lex.core.settings import from_environment

PAPER, SURFACE = Oklch(0.985, 0.004, 85), Oklch(0.965, 0.006, 85)
DARK_PAPER, DARK_SURFACE = Oklch(0.2, 0.008, 80), Oklch(0.245, 0.01, 80)
COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda parts: "#{:02x}{:02x}{:02x}".format(*parts))


def test_contrast_is_that_of_the_standard() -> None:
    white, black = colour.read("#fff"), colour.read("#000000")
    assert contrast(white, black) == pytest.approx(21, abs=0.01)
    assert contrast(white, colour.read("#767676")) == pytest.approx(4.54, abs=0.01)
    assert contrast(white, white) == pytest.approx(1)


def test_both_ways_to_write_a_colour_are_one() -> None:
    red = colour.read("#ff0000")
    assert (red.lightness, red.chroma, red.hue) == pytest.approx((0.628, 0.2577, 29.23), abs=0.01)
    assert colour.read("#F00") == red
    assert colour.read("oklch(42% 0.09 165deg)") == colour.read(" oklch(0.42 0.09 165) ")


@given(COLOURS)
def test_every_accent_can_be_read_in_both_schemes(text: str) -> None:
    light, dark = light_accent(colour.read(text)), dark_accent(colour.read(text))
    assert contrast(light.accent, PAPER) >= READABLE
    assert contrast(light.accent, SURFACE) >= READABLE
    assert contrast(light.accent, light.on_accent) >= READABLE
    assert contrast(light.hover, light.on_accent) >= READABLE
    assert contrast(dark.accent, DARK_PAPER) >= READABLE
    assert contrast(dark.accent, DARK_SURFACE) >= READABLE
    assert contrast(dark.accent, dark.on_accent) >= READABLE
    assert contrast(dark.hover, dark.on_accent) >= READABLE


def test_a_readable_accent_stays_what_it_is() -> None:
    wanted = colour.read("oklch(0.42 0.09 165)")
    assert light_accent(wanted).accent == wanted
    assert light_accent(colour.read("#ffe000")).accent != colour.read("#ffe000")


@pytest.mark.parametrize(
    "text", ["green", "#12", "#gggggg", "oklch(2 0.1 10)", "oklch(0.4 9 10)", "red;}body{display:none", "#fff;"]
)
def test_what_is_no_colour_stops_the_start(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_environment({"LEX_ACCENT": text})
    assert refused.value.errors[0].field == "LEX_ACCENT"


def test_a_language_that_is_none_stops_the_start() -> None:
    with pytest.raises(Invalid) as refused:
        from_environment({"LEX_LOCALE": "klingon_XX"})
    assert refused.value.errors[0].field == "LEX_LOCALE"
