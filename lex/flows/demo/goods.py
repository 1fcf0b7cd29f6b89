"""The goods of the demo business. Prices in cents of the shop's currency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lex.flows.demo import pictures_parts as parts
from lex.flows.demo import pictures_wear as wear

#: Draws one picture, given its title.
Draw = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant: its values in the order of the options, its price, what is on hand."""

    values: tuple[str, ...]
    price: int
    on_hand: int
    compare_at_price: int | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """A product, or a family when it has `choices`. `on_hand` None: its stock is not tracked."""

    slug: str
    name: str
    category: tuple[str, ...]
    price: int
    on_hand: int | None
    draw: tuple[Draw, ...]
    text: str
    brand: str = "Spoke & Thread"
    compare_at_price: int | None = None
    options: tuple[str, ...] = ()
    choices: Sequence[Choice] = ()
    tags: tuple[str, ...] = ()
    weight_grams: int | None = None
    is_featured: bool = False
    is_digital: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def in_colour(colour: str, draw: Callable[[str, str], str]) -> Draw:
    return lambda title: draw(colour, title)


def _sizes(sizes: str, price: int, *on_hand: int, compare_at_price: int | None = None) -> list[Choice]:
    return [Choice((size,), price, n, compare_at_price) for size, n in zip(sizes.split(), on_hand, strict=True)]


_JERSEY = [
    Choice((colour, size), 6900 if colour == "Rust" else 8900, n, 8900 if colour == "Rust" else None)
    for colour, stock in (("Forest", (4, 7, 6, 3)), ("Ink", (5, 8, 5, 0)), ("Rust", (2, 3, 1, 2)))
    for size, n in zip(("S", "M", "L", "XL"), stock, strict=True)
]
_JACKET = [
    Choice((colour, size), 14900, n)
    for colour, stock in (("Forest", (2, 4, 3, 2)), ("Sand", (1, 3, 3, 0)))
    for size, n in zip(("S", "M", "L", "XL"), stock, strict=True)
]

CLOTHING = (
    Good(
        *("merino-jersey", "Merino jersey", ("Clothing", "Jerseys"), 8900, None),
        (in_colour("Forest", wear.jersey), in_colour("Ink", wear.jersey), in_colour("Rust", wear.jersey)),
        "<p>Fine merino with a full zip and three pockets. Warm at the start, dry at the top.</p>"
        "<ul><li>100 % merino, 150 g/m²</li><li>Reflective band</li><li>Wash at 30 °C, dry flat</li></ul>",
        options=("Colour", "Size"),
        choices=_JERSEY,
        tags=("merino", "summer"),
        weight_grams=190,
        is_featured=True,
        attributes={"Material": "Merino wool", "Fit": "Regular"},
    ),
    Good(
        *("winter-jersey", "Winter jersey", ("Clothing", "Jerseys"), 10900, None, (wear.long_jersey,)),
        "<p>Long sleeves, brushed inside, a collar that keeps the wind out.</p>",
        options=("Size",),
        choices=_sizes("S M L XL", 10900, 3, 5, 4, 2),
        tags=("winter",),
        weight_grams=320,
        attributes={"Material": "Recycled polyester", "Fit": "Regular"},
    ),
    Good(
        *("bib-shorts", "Bib shorts", ("Clothing", "Shorts"), 11900, None, (wear.bib_shorts,)),
        "<p>A pad for six hours and straps that are forgotten after six minutes.</p>",
        options=("Size",),
        choices=_sizes("S M L XL", 11900, 4, 6, 6, 3),
        tags=("summer",),
        weight_grams=210,
    ),
    Good(
        *("rain-jacket", "Rain jacket", ("Clothing", "Jackets"), 14900, None),
        (in_colour("Forest", wear.rain_jacket), in_colour("Sand", wear.rain_jacket)),
        "<p>Three layers, taped seams, a hood that fits over the helmet. Packs into its own pocket.</p>",
        options=("Colour", "Size"),
        choices=_JACKET,
        tags=("rain", "winter"),
        weight_grams=410,
        is_featured=True,
        attributes={"Water column": "15,000 mm"},
    ),
    Good(
        *("cycling-cap", "Cycling cap", ("Clothing", "Small things"), 2400, 18, (wear.cap,)),
        "<p>Cotton, one size. Keeps sun, rain and hair where they belong.</p>",
        weight_grams=45,
        tags=("summer",),
    ),
    Good(
        *("wool-socks", "Wool socks", ("Clothing", "Small things"), 1600, None, (wear.socks,)),
        "<p>Knitted mid-length socks that do not slip.</p>",
        options=("Size",),
        choices=_sizes("36–39 40–43 44–47", 1600, 14, 20, 9),
        tags=("merino", "winter"),
        weight_grams=70,
    ),
    Good(
        *("long-finger-gloves", "Long-finger gloves", ("Clothing", "Small things"), 3600, None, (wear.gloves,)),
        "<p>Windproof backs, thin palms: the brakes stay in the fingertips.</p>",
        options=("Size",),
        choices=_sizes("S M L", 3600, 3, 5, 2, compare_at_price=4500),
        tags=("winter",),
        weight_grams=90,
    ),
    Good(
        *("town-helmet", "Town helmet", ("Clothing", "Helmets"), 7900, None, (wear.helmet,)),
        "<p>Light, quiet in the wind, with a dial that fits with gloves on.</p>",
        options=("Size",),
        choices=_sizes("52–56 56–60", 7900, 5, 7),
        weight_grams=340,
    ),
)

PARTS = (
    Good(
        *("chain-11-speed", "Chain, 11-speed", ("Parts", "Drivetrain"), 3490, 24, (parts.chain,)),
        "<p>118 links and a quick link. Nickel-plated; we measure yours for free.</p>",
        brand="Kettenwerk",
        weight_grams=252,
    ),
    Good(
        *("cassette-11-34", "Cassette, 11–34", ("Parts", "Drivetrain"), 7900, 7, (parts.cassette,)),
        "<p>Eleven steel sprockets for hills with luggage.</p>",
        brand="Kettenwerk",
        weight_grams=318,
    ),
    Good(
        *("brake-pads", "Brake pads, pair", ("Parts", "Brakes"), 1490, None, (parts.brake_pads,)),
        "<p>With spring and pin. Not sure which fits? Bring the old ones along.</p>",
        brand="Halt",
        options=("Compound",),
        choices=[Choice(("Organic",), 1490, 30), Choice(("Sintered",), 1890, 22)],
        weight_grams=24,
    ),
    Good(
        *("touring-tyre", "Touring tyre", ("Parts", "Wheels & tyres"), 3990, None, (parts.tyre,)),
        "<p>Rolls on asphalt, holds on gravel, shrugs at glass.</p>",
        brand="Fernweg",
        options=("Width",),
        choices=[Choice((f"{w} mm",), 3990 + e, n) for w, e, n in ((32, 0, 8), (37, 200, 10), (42, 400, 6))],
        weight_grams=590,
        is_featured=True,
    ),
    Good(
        *("inner-tube", "Inner tube", ("Parts", "Wheels & tyres"), 790, 80, (parts.inner_tube,)),
        "<p>28 inches, 28 to 42 mm, with a screw valve.</p>",
        brand="Fernweg",
        weight_grams=140,
    ),
    Good(
        *("bar-tape", "Bar tape", ("Parts", "Cockpit"), 2200, None),
        (in_colour("Ink", parts.bar_tape), in_colour("Forest", parts.bar_tape), in_colour("Rust", parts.bar_tape)),
        "<p>Two rolls of cork mix with plugs. Wrapped for you at the counter on request.</p>",
        options=("Colour",),
        choices=[Choice((c,), 2200, n) for c, n in (("Ink", 16), ("Forest", 9), ("Rust", 5))],
        weight_grams=110,
    ),
    Good(
        *("leather-saddle", "Leather saddle", ("Parts", "Cockpit"), 9400, 4, (parts.saddle,)),
        "<p>Thick leather on steel rails. Takes a month to become yours, then stays it.</p>",
        weight_grams=520,
    ),
    Good(
        *("flat-pedals", "Flat pedals", ("Parts", "Drivetrain"), 5900, 6, (parts.pedals,)),
        "<p>Sealed bearings and replaceable pins.</p>",
        brand="Halt",
        compare_at_price=7400,
        weight_grams=380,
    ),
)
