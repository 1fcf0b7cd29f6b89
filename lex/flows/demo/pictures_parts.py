"""Pictures of parts and accessories."""

from lex.flows.demo.drawing import (
    COLOURS,
    FOREST,
    FOREST_DEEP,
    FOREST_TINT,
    INK,
    LINE,
    NAVY_TINT,
    PAPER,
    RUST,
    RUST_DEEP,
    RUST_TINT,
    SAND,
    SAND_DEEP,
    SAND_TINT,
    STEEL,
    STONE,
    SURFACE,
    WHITE,
    around,
    circle,
    gear,
    line,
    moved,
    path,
    picture,
    rect,
    ring,
    turned,
)


def chain(title: str) -> str:
    """A chain laid in a loop."""
    links = ""
    points = around(400, 300, 150, 28)
    for n, (x, y) in enumerate(points):
        nx, ny = points[(n + 1) % len(points)]
        colour, width = (STONE, 26) if n % 2 else (INK, 20)
        links += line(f"M{x} {y} L{nx} {ny}", colour, width)
    pins = "".join(circle(x, y, 5.5, STEEL) for x, y in points)
    return picture(links + pins, title, SAND_TINT)


def cassette(title: str) -> str:
    """A cassette from the front."""
    cogs = "".join(
        gear(400, 296, r, teeth, colour)
        for r, teeth, colour in (
            (186, 34, STONE),
            (158, 29, STEEL),
            (132, 24, STONE),
            (108, 20, STEEL),
            (86, 16, STONE),
            (64, 12, INK),
        )
    )
    holes = "".join(circle(x, y, 9, NAVY_TINT) for x, y in around(400, 296, 170, 6))
    return picture(cogs + holes + circle(400, 296, 34, NAVY_TINT) + ring(400, 296, 34, INK, 6), title, NAVY_TINT)


def brake_pads(title: str) -> str:
    """A pair of disc brake pads."""
    one = (
        path("M20 0 L120 0 Q140 0 140 20 L140 40 L160 40 L160 90 L140 120 L140 210 L0 210 L0 20 Q0 0 20 0 Z", STEEL)
        + rect(18, 96, 104, 104, RUST, 12)
        + line("M18 148 L122 148", RUST_DEEP, 6)
        + circle(70, 44, 15, SURFACE)
        + ring(70, 44, 15, STONE, 5)
    )
    mirrored = f'<g transform="translate(600 200) scale(-1 1)">{one}</g>'
    return picture(
        moved(206, 176, one) + mirrored + line("M392 190 L420 408 L448 190", SAND_DEEP, 10), title, RUST_TINT
    )


def tyre(title: str) -> str:
    """A folded touring tyre seen at an angle."""
    tread = "".join(
        f'<line x1="{x}" y1="{y}" x2="{ix}" y2="{iy}" stroke="{STONE}" stroke-width="6"/>'
        for (x, y), (ix, iy) in zip(around(400, 296, 206, 64), around(400, 296, 190, 64, 0.04), strict=True)
    )
    return picture(
        ring(400, 296, 182, INK, 54) + tread + ring(400, 296, 164, SAND_DEEP, 18) + ring(400, 296, 172, SAND, 4),
        title,
        FOREST_TINT,
    )


def inner_tube(title: str) -> str:
    """An inner tube with its valve."""
    return picture(
        ring(400, 280, 160, INK, 34)
        + ring(400, 280, 168, STONE, 5)
        + rect(393, 428, 14, 84, STEEL, 5)
        + rect(388, 498, 24, 22, SAND, 6)
        + rect(384, 436, 32, 14, SAND_DEEP, 5),
        title,
        NAVY_TINT,
    )


def bar_tape(colour: str, title: str) -> str:
    """Two rolls of bar tape."""
    main, deep, tint = COLOURS[colour]
    roll = (
        circle(0, 0, 104, main)
        + "".join(ring(0, 0, r, deep, 5) for r in (88, 70, 52))
        + circle(0, 0, 36, PAPER)
        + ring(0, 0, 36, deep, 6)
    )
    tail = path("M104 0 L104 150 L60 150 L60 84 Z", main) + rect(56, 146, 52, 16, deep, 4)
    return picture(moved(300, 300, roll) + moved(492, 330, tail + roll), title, tint)


def saddle(title: str) -> str:
    """A leather saddle."""
    return picture(
        line("M236 300 Q290 400 400 396 Q510 392 560 300", STEEL, 12)
        + line("M236 300 Q330 350 560 300", STONE, 8)
        + path(
            "M196 262 Q230 214 330 222 Q470 228 590 196 Q640 196 626 268 Q616 330 560 316 Q420 280 300 292 "
            "Q214 300 196 262 Z",
            RUST,
        )
        + path("M560 316 Q616 330 626 268 Q632 232 612 210 Q600 290 540 308 Z", RUST_DEEP)
        + "".join(circle(x, y, 6, SAND) for x, y in ((222, 262), (596, 226), (608, 250), (606, 276)))
        + rect(386, 392, 30, 104, INK, 6),
        title,
        RUST_TINT,
    )


def pedals(title: str) -> str:
    """A flat pedal from above."""
    pins = "".join(circle(x, y, 7, STEEL) for x in (256, 310, 450, 504) for y in (196, 400))
    return picture(
        rect(540, 284, 96, 28, STEEL, 6)
        + rect(226, 170, 308, 256, FOREST, 36)
        + rect(276, 220, 80, 156, FOREST_TINT, 18)
        + rect(404, 220, 80, 156, FOREST_TINT, 18)
        + rect(352, 262, 190, 72, FOREST_DEEP, 30)
        + pins,
        title,
        FOREST_TINT,
    )


def bottle(title: str) -> str:
    """A drinking bottle."""
    return picture(
        rect(372, 92, 56, 50, INK, 14)
        + rect(336, 136, 128, 46, FOREST_DEEP, 14)
        + path(
            "M330 182 L470 182 Q486 210 482 262 Q468 284 482 306 L482 500 Q482 524 458 524 L342 524 Q318 524 318 500 "
            "L318 306 Q332 284 318 262 Q314 210 330 182 Z",
            WHITE,
        )
        + path("M318 340 L482 340 L482 452 L318 452 Z", FOREST)
        + ring(400, 396, 34, WHITE, 7)
        + line("M372 396 L428 396 M400 368 L400 424", WHITE, 4)
        + line("M338 200 L336 320", LINE, 8),
        title,
        FOREST_TINT,
    )


def bell(title: str) -> str:
    """A brass bell."""
    return picture(
        path("M220 350 Q220 180 400 180 Q580 180 580 350 Z", SAND)
        + path("M260 330 Q270 220 392 206 Q300 240 296 334 Z", SAND_TINT)
        + rect(204, 346, 392, 30, SAND_DEEP, 15)
        + circle(400, 176, 18, SAND_DEEP)
        + rect(372, 376, 56, 74, INK, 10)
        + ring(400, 476, 40, INK, 18)
        + path("M560 300 Q640 300 650 336 L620 352 Q600 330 566 334 Z", STONE),
        title,
        SAND_TINT,
    )


def front_light(title: str) -> str:
    """A front light with its beam."""
    return picture(
        path("M470 250 L680 150 L680 430 L470 330 Z", SAND, 'opacity="0.45"')
        + rect(226, 232, 220, 118, INK, 40)
        + path("M430 226 L480 214 L480 368 L430 356 Z", STONE)
        + path("M472 230 Q500 290 472 352 Z", WHITE)
        + circle(300, 290, 22, FOREST)
        + rect(300, 350, 60, 60, STONE, 8)
        + ring(330, 440, 42, INK, 20),
        title,
        NAVY_TINT,
    )


def rear_light(title: str) -> str:
    """A rear light."""
    return picture(
        rect(322, 146, 156, 300, INK, 60)
        + rect(342, 168, 116, 256, RUST, 46)
        + "".join(circle(400, y, 26, RUST_TINT) + circle(400, y, 12, WHITE) for y in (224, 296, 368))
        + rect(360, 446, 80, 44, STONE, 10)
        + rect(306, 478, 188, 22, INK, 11),
        title,
        RUST_TINT,
    )


def lock(title: str) -> str:
    """A folding lock."""
    bars = "".join(
        turned(angle, rect(x, y, 200, 40, colour, 20) + circle(x + 20, y + 20, 9, STEEL), x + 20, y + 20)
        for angle, x, y, colour in (
            (-64, 236, 400, INK),
            (-8, 310, 222, STONE),
            (58, 488, 200, INK),
        )
    )
    return picture(
        bars + rect(236, 380, 330, 88, FOREST, 26) + circle(500, 424, 22, FOREST_DEEP) + rect(496, 412, 8, 24, SAND, 3),
        title,
        FOREST_TINT,
    )


def pump(title: str) -> str:
    """A mini pump."""
    return picture(
        turned(
            -28,
            rect(210, 276, 300, 46, STEEL, 10)
            + rect(180, 268, 150, 62, INK, 22)
            + rect(500, 286, 90, 26, STONE, 6)
            + rect(580, 266, 52, 66, INK, 16)
            + rect(340, 276, 14, 46, RUST)
            + rect(596, 248, 20, 24, RUST, 6),
        ),
        title,
        RUST_TINT,
    )


def multitool(title: str) -> str:
    """An opened multi-tool."""
    keys = "".join(
        turned(angle, rect(392, 100, 16, 190, STEEL, 4) + rect(388, 92, 24, 22, STONE, 4), 400, 300)
        for angle in (-68, -40, -12, 16, 44)
    )
    return picture(
        keys
        + rect(300, 270, 200, 230, FOREST, 40)
        + rect(330, 300, 140, 170, FOREST_DEEP, 26)
        + circle(400, 306, 20, STEEL)
        + circle(400, 464, 16, STEEL),
        title,
        FOREST_TINT,
    )


def bag(colour: str, title: str) -> str:
    """A handlebar bag."""
    main, deep, tint = COLOURS[colour]
    return picture(
        line("M290 200 L290 150 M510 200 L510 150", INK, 18)
        + line("M200 150 L600 150", STONE, 18)
        + rect(210, 196, 380, 270, main, 48)
        + path("M210 300 L590 300 L590 244 Q590 196 542 196 L258 196 Q210 196 210 244 Z", deep)
        + rect(292, 260, 34, 110, SAND, 8)
        + rect(474, 260, 34, 110, SAND, 8)
        + rect(288, 330, 42, 26, INK, 5)
        + rect(470, 330, 42, 26, INK, 5),
        title,
        tint,
    )


def patch_kit(title: str) -> str:
    """A tin of patches."""
    return picture(
        rect(220, 210, 360, 230, SAND, 30)
        + rect(220, 210, 360, 64, SAND_DEEP, 30)
        + circle(330, 350, 46, INK)
        + circle(330, 350, 30, STONE)
        + rect(410, 316, 110, 70, RUST, 12)
        + rect(424, 330, 82, 42, RUST_TINT, 8)
        + turned(24, rect(520, 150, 40, 130, WHITE, 10) + rect(530, 128, 20, 26, RUST, 4), 540, 210),
        title,
        SAND_TINT,
    )


def booklet(title: str) -> str:
    """A training plan: a printed page with a rising line."""
    rules = "".join(rect(276, y, w, 12, LINE, 6) for y, w in ((408, 230), (436, 248), (464, 180)))
    return picture(
        turned(5, rect(262, 96, 300, 420, SURFACE, 10, f'stroke="{LINE}" stroke-width="2"'))
        + rect(242, 92, 316, 424, WHITE, 10, f'stroke="{LINE}" stroke-width="2"')
        + rect(276, 128, 150, 22, FOREST, 6)
        + rect(276, 164, 220, 12, STONE, 6)
        + line("M280 366 L330 344 L372 352 L420 296 L462 304 L520 222", FOREST, 9)
        + "".join(circle(x, y, 9, RUST) for x, y in ((330, 344), (420, 296), (520, 222)))
        + line("M276 382 L524 382", LINE, 3)
        + rules,
        title,
        FOREST_TINT,
    )
