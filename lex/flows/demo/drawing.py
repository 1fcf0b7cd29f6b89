"""What the pictures are drawn with: a quiet ground of 4:3, the shop's colours, a few shapes. Everything is SVG text."""

from math import cos, pi, sin

WIDTH, HEIGHT = 800, 600

PAPER = "#faf8f4"
SURFACE = "#f1eee8"
LINE = "#dcd7ce"
SHADE = "#e5e0d7"
INK = "#2b2622"
STONE = "#8b837a"
STEEL = "#b9b4ac"
WHITE = "#fdfcfa"
FOREST, FOREST_DEEP, FOREST_TINT = "#12604a", "#0c4737", "#d9ebe2"
RUST, RUST_DEEP, RUST_TINT = "#b5532f", "#8f3f22", "#f3dfd4"
SAND, SAND_DEEP, SAND_TINT = "#cfae74", "#a98850", "#f1e7d2"
NAVY, NAVY_DEEP, NAVY_TINT = "#2f4666", "#22344d", "#dbe3ee"

#: name → (main, deep, tint)
COLOURS = {
    "Forest": (FOREST, FOREST_DEEP, FOREST_TINT),
    "Rust": (RUST, RUST_DEEP, RUST_TINT),
    "Sand": (SAND, SAND_DEEP, SAND_TINT),
    "Ink": (NAVY, NAVY_DEEP, NAVY_TINT),
}


def picture(shapes: str, title: str, tint: str = FOREST_TINT) -> str:
    """A finished picture: the ground, one large quiet circle behind the thing, and the thing."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f"<style>@media(prefers-color-scheme:dark){{.g{{fill:#5d5750}}.h{{opacity:.8}}.s{{fill:#4b463f}}}}</style>"
        f'<rect class="g" width="{WIDTH}" height="{HEIGHT}" fill="{SURFACE}"/>'
        f'<circle class="h" cx="400" cy="290" r="228" fill="{tint}"/>'
        f'<ellipse class="s" cx="400" cy="540" rx="210" ry="12" fill="{SHADE}"/>'
        f"{shapes}</svg>\n"
    )


def rect(x: float, y: float, w: float, h: float, fill: str, r: float = 0, more: str = "") -> str:
    """A rectangle, rounded by `r`."""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" fill="{fill}" {more}/>'


def circle(x: float, y: float, r: float, fill: str, more: str = "") -> str:
    """A filled circle."""
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}" {more}/>'


def ring(x: float, y: float, r: float, stroke: str, width: float, more: str = "") -> str:
    """A circle's outline."""
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{stroke}" stroke-width="{width}" {more}/>'


def path(d: str, fill: str, more: str = "") -> str:
    """A filled path."""
    return f'<path d="{d}" fill="{fill}" {more}/>'


def line(d: str, stroke: str, width: float, more: str = "") -> str:
    """A stroked path with round ends."""
    return (
        f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width}" '
        f'stroke-linecap="round" stroke-linejoin="round" {more}/>'
    )


def turned(degrees: float, shapes: str, x: float = 400, y: float = 300) -> str:
    """The shapes turned around a point."""
    return f'<g transform="rotate({degrees} {x} {y})">{shapes}</g>'


def moved(x: float, y: float, shapes: str, scale: float = 1) -> str:
    """The shapes moved, and scaled about the origin."""
    return f'<g transform="translate({x} {y}) scale({scale})">{shapes}</g>'


def around(x: float, y: float, r: float, number: int, start: float = 0) -> list[tuple[float, float]]:
    """Points evenly around a circle."""
    return [
        (round(x + r * cos(start + 2 * pi * n / number), 1), round(y + r * sin(start + 2 * pi * n / number), 1))
        for n in range(number)
    ]


def gear(x: float, y: float, r: float, teeth: int, fill: str) -> str:
    """A toothed wheel."""
    points: list[str] = []
    for n in range(teeth):
        for part, radius in ((0.0, r), (0.28, r), (0.42, r * 0.9), (0.86, r * 0.9)):
            angle = 2 * pi * (n + part) / teeth
            points.append(f"{x + radius * cos(angle):.1f},{y + radius * sin(angle):.1f}")
    return f'<polygon points="{" ".join(points)}" fill="{fill}"/>'


def wheel(x: float, y: float, r: float, tyre: str = INK, spokes: int = 20) -> str:
    """A bicycle wheel from the side."""
    laced = "".join(
        f'<line x1="{x}" y1="{y}" x2="{px}" y2="{py}" stroke="{STEEL}" stroke-width="{max(r / 90, 1):.1f}"/>'
        for px, py in around(x, y, r * 0.9, spokes)
    )
    return (
        ring(x, y, r, tyre, r * 0.09)
        + ring(x, y, r * 0.9, STONE, r * 0.04)
        + laced
        + circle(x, y, r * 0.09, INK)
        + circle(x, y, r * 0.04, STEEL)
    )


def bicycle(colour: str, x: float = 400, y: float = 330, scale: float = 1.0) -> str:
    """A whole bicycle from the side."""
    frame = (
        line("M-130 90 L-40 90 L110 -55 L-75 -55 Z", colour, 13)
        + line("M-75 -55 L-40 90", colour, 13)
        + line("M-75 -55 L-130 90", colour, 10)
        + line("M110 -55 L100 -100", colour, 13)
        + line("M108 -60 L150 90", colour, 11)
        + line("M-75 -55 L-86 -100", STONE, 9)
        + line("M-118 -104 L-58 -104", INK, 16)
        + line("M100 -100 L135 -112 Q160 -116 158 -92 Q156 -76 138 -74", INK, 10)
        + gear(-40, 90, 34, 26, INK)
        + circle(-40, 90, 12, STEEL)
        + line("M-40 90 L-12 132", STONE, 9)
        + line("M-28 134 L6 134", INK, 10)
    )
    return moved(x, y, wheel(-130, 90, 100) + wheel(150, 90, 100) + frame, scale)
