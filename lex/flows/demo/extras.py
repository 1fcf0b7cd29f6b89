"""Accessories and the digital training plan of the demo business."""

from lex.flows.demo import pictures_parts as parts
from lex.flows.demo.goods import Choice, Good, in_colour

ACCESSORIES = (
    Good(
        *("workshop-bottle", "Workshop bottle", ("Accessories", "Bottles"), 1250, 40, (parts.bottle,)),
        "<p>0.6 litres, opens with the teeth, survives the dishwasher.</p>",
        weight_grams=95,
    ),
    Good(
        *("brass-bell", "Brass bell", ("Accessories", "Bells & locks"), 1900, 15, (parts.bell,)),
        "<p>One clear note that makes nobody jump.</p>",
        weight_grams=60,
        is_featured=True,
    ),
    Good(
        *("front-light-600", "Front light 600", ("Accessories", "Lights"), 6400, 9, (parts.front_light,)),
        "<p>600 lumens with a cut-off beam. Charges by USB-C in two hours.</p>",
        brand="Nachtrad",
        weight_grams=128,
        attributes={"Runtime": "2.5 h at full power"},
    ),
    Good(
        *("rear-light", "Rear light", ("Accessories", "Lights"), 2900, 13, (parts.rear_light,)),
        "<p>Seen from 500 metres, brighter when you brake.</p>",
        brand="Nachtrad",
        weight_grams=46,
    ),
    Good(
        *("folding-lock", "Folding lock", ("Accessories", "Bells & locks"), 8400, 0, (parts.lock,)),
        "<p>Six hardened bars on a bracket. The next delivery is on its way.</p>",
        brand="Riegel",
        weight_grams=1240,
    ),
    Good(
        *("mini-pump", "Mini pump", ("Accessories", "Tools"), 3400, 11, (parts.pump,)),
        "<p>Seven bar in two hundred strokes, with a hose that spares the valve.</p>",
        weight_grams=122,
    ),
    Good(
        *("multi-tool", "Multi-tool", ("Accessories", "Tools"), 3800, 10, (parts.multitool,)),
        "<p>Eleven tools and a chain breaker.</p>",
        brand="Riegel",
        weight_grams=168,
    ),
    Good(
        *("handlebar-bag", "Handlebar bag", ("Accessories", "Bags"), 7200, None),
        (in_colour("Rust", parts.bag), in_colour("Forest", parts.bag)),
        "<p>Waxed canvas, five litres, off and on in two seconds.</p>",
        options=("Colour",),
        choices=[Choice(("Rust",), 7200, 4), Choice(("Forest",), 7200, 6)],
        tags=("touring",),
        weight_grams=430,
    ),
    Good(
        *("patch-kit", "Patch kit", ("Accessories", "Tools"), 450, None, (parts.patch_kit,)),
        "<p>Six patches, glue and sandpaper in a tin. Always there.</p>",
        weight_grams=38,
    ),
)

TRAINING = (
    Good(
        *("first-hundred-plan", "Twelve weeks to your first hundred", ("Training",), 2900, None, (parts.booklet,)),
        "<p>A training plan for riders with a job: four rides a week, from 40 minutes to 100 kilometres. "
        "A PDF to download after paying.</p>",
        tags=("training",),
        is_digital=True,
    ),
)


def training_plan() -> bytes:
    """The plan as a small PDF: one page a month, drawn with the standard font."""
    pages = [
        [
            f"Weeks {first} to {first + 3}",
            f"Tuesday: {40 + first * 3} minutes easy, cadence 90.",
            f"Thursday: {4 + first // 4} x 4 minutes brisk, 3 minutes between.",
            f"Saturday: {25 + first * 4} km steady; eat before you are hungry.",
            "Sunday: one hour with friends, no numbers.",
            "The fourth week of each month is half of all this.",
        ]
        for first in (1, 5, 9)
    ]
    return _pdf("Twelve weeks to your first hundred", pages)


def _pdf(title: str, pages: list[list[str]]) -> bytes:
    first = 4
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{first + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, (heading, *lines) in enumerate(pages):
        shown = [f"BT /F1 22 Tf 72 760 Td ({title}) Tj ET", f"BT /F1 16 Tf 72 716 Td ({heading}) Tj ET"]
        shown += [f"BT /F1 12 Tf 72 {680 - 24 * k} Td ({text}) Tj ET" for k, text in enumerate(lines)]
        stream = "\n".join(shown)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {first + 2 * n + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return out.encode("ascii")
