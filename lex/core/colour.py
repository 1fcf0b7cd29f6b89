"""A merchant's accent colour: read, and moved in lightness until text in it can be read.

Colours are OKLCH: lightness 0 to 1, chroma, hue in degrees (https://www.w3.org/TR/css-color-4/#ok-lab). Contrast is
WCAG's, 1 to 21.
"""

import re
from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, radians, sin

from lex.core.errors import Invalid

#: WCAG AA for text.
READABLE = 4.5
_STEP = 0.005

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})")
_OKLCH = re.compile(r"oklch\(\s*(\d*\.?\d+)(%?)\s+(\d*\.?\d+)\s+(\d*\.?\d+)(?:deg)?\s*\)")


@dataclass(frozen=True, slots=True)
class Oklch:
    """A colour."""

    lightness: float
    chroma: float
    hue: float

    def css(self) -> str:
        """As CSS writes it."""
        return f"oklch({self.lightness:.3f} {self.chroma:.3f} {self.hue:.1f})"


# The grounds of frontend/src/tokens.css that accents stand on: of paper and surface the one that contrasts less.
_LIGHT_GROUND, _LIGHT_PAPER = Oklch(0.965, 0.006, 85), Oklch(0.985, 0.004, 85)
_DARK_GROUND = Oklch(0.245, 0.010, 80)


@dataclass(frozen=True, slots=True)
class Accent:
    """An accent in one scheme: itself, under the pointer, as a ground, and what is written on it."""

    accent: Oklch
    hover: Oklch
    tint: Oklch
    on_accent: Oklch

    def css(self) -> str:
        """As custom properties."""
        parts = {"": self.accent, "-hover": self.hover, "-tint": self.tint}
        told = [f"--accent{name}:{colour.css()}" for name, colour in parts.items()]
        return ";".join([*told, f"--on-accent:{self.on_accent.css()}"])


def read(text: str, field: str = "colour") -> Oklch:
    """`#0d5e43`, `#abc` or `oklch(0.42 0.09 165)`. Raises `Invalid` naming `field`."""
    plain = text.strip().lower()
    if found := _HEX.fullmatch(plain):
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        red, green, blue = (_linear(int(digits[place : place + 2], 16) / 255) for place in (0, 2, 4))
        return _of_linear(red, green, blue)
    if found := _OKLCH.fullmatch(plain):
        colour = Oklch(float(found[1]) / (100 if found[2] else 1), float(found[3]), float(found[4]) % 360)
        if colour.lightness <= 1 and colour.chroma <= 0.5:
            return colour
    raise Invalid(field, f"{field} is “{text[:40]}”; write a colour as #0d5e43 or oklch(0.42 0.09 165).")


def contrast(one: Oklch, other: Oklch) -> float:
    """WCAG's ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def light_accent(wanted: Oklch) -> Accent:
    """The accent for light pages: as dark as it must be to be read on them, and for paper to be read on it."""
    accent = wanted
    while contrast(accent, _LIGHT_GROUND) < READABLE:
        accent = replace(accent, lightness=accent.lightness - _STEP)
    tint = Oklch(0.95, min(wanted.chroma, 0.03), wanted.hue)
    hover = replace(accent, lightness=max(accent.lightness - 0.06, 0))
    return Accent(accent, hover, tint, _LIGHT_PAPER)


def dark_accent(wanted: Oklch) -> Accent:
    """The accent for dark pages: as light as it must be to be read on them, and for dark text to be read on it."""
    on_accent = Oklch(0.20, min(wanted.chroma, 0.02), wanted.hue)
    accent = replace(wanted, chroma=min(wanted.chroma, 0.14))
    while min(contrast(accent, _DARK_GROUND), contrast(accent, on_accent)) < READABLE:
        accent = replace(accent, lightness=accent.lightness + _STEP)
    tint = Oklch(0.30, min(wanted.chroma, 0.04), wanted.hue)
    hover = replace(accent, lightness=min(accent.lightness + 0.06, 1))
    return Accent(accent, hover, tint, on_accent)


def accent_sheet(text: str, field: str = "colour") -> str:
    """The style sheet that puts a merchant's accent in the place of ours. Raises `Invalid` naming `field`."""
    wanted = read(text, field)
    light, dark = light_accent(wanted).css(), dark_accent(wanted).css()
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _of_linear(red: float, green: float, blue: float) -> Oklch:
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return Oklch(lightness, hypot(a, b), degrees(atan2(b, a)) % 360)


def _luminance(colour: Oklch) -> float:
    """Relative luminance of what a screen shows: channels outside its range are cut off."""
    a, b = (colour.chroma * turn(radians(colour.hue)) for turn in (cos, sin))
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(max(channel, 0), 1) for channel in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
