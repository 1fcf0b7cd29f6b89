"""Pictures of services and memberships."""

from lex.flows.demo.drawing import (
    FOREST,
    FOREST_DEEP,
    FOREST_TINT,
    INK,
    NAVY,
    NAVY_TINT,
    RUST,
    RUST_TINT,
    SAND,
    SAND_TINT,
    STEEL,
    STONE,
    WHITE,
    around,
    bicycle,
    circle,
    gear,
    line,
    path,
    picture,
    rect,
    ring,
    turned,
    wheel,
)


def on_stand(title: str) -> str:
    """A bicycle in the repair stand."""
    stand = line("M346 520 L346 150 L330 214", STONE, 14) + line("M276 536 L346 500 L416 536", STONE, 14)
    return picture(stand + bicycle(FOREST, 400, 330, 0.92), title, FOREST_TINT)


def wheel_truing(title: str) -> str:
    """A wheel in the truing stand."""
    return picture(
        line("M292 520 L330 270 M508 520 L470 270 M250 524 L550 524", INK, 16)
        + wheel(400, 270, 178)
        + rect(560, 250, 60, 18, RUST, 6)
        + rect(180, 250, 60, 18, RUST, 6),
        title,
        RUST_TINT,
    )


def puncture(title: str) -> str:
    """A wheel with a patch."""
    return picture(
        wheel(400, 286, 190) + turned(18, rect(470, 410, 96, 66, SAND, 16) + rect(490, 426, 56, 34, RUST, 8), 518, 443),
        title,
        SAND_TINT,
    )


def fitting(title: str) -> str:
    """A bicycle measured."""
    marks = line("M160 520 L160 120 M148 120 L172 120 M148 520 L172 520", RUST, 5) + "".join(
        line(f"M154 {y} L166 {y}", RUST, 4) for y in range(160, 520, 40)
    )
    angle = path("M324 226 L420 226 A96 96 0 0 1 346 318 Z", SAND, 'opacity="0.55"')
    return picture(bicycle(NAVY, 420, 330, 0.94) + angle + marks, title, NAVY_TINT)


def class_of_eight(title: str) -> str:
    """Eight people around a bench."""
    people = ""
    back, front = (225, 345, 455, 575), (165, 285, 515, 635)
    for n, x in enumerate((*back, *front)):
        y = 204 if n < 4 else 250
        colour = (NAVY, FOREST, RUST, STONE, RUST, SAND, FOREST, NAVY)[n]
        people += circle(x, y - 62, 30, (SAND, INK, STONE, RUST, INK, STONE, SAND, INK)[n])
        people += path(
            f"M{x - 46} {y + 90} Q{x - 46} {y - 26} {x} {y - 26} Q{x + 46} {y - 26} {x + 46} {y + 90} Z", colour
        )
    bench = rect(130, 330, 540, 34, INK, 8) + rect(170, 364, 26, 150, STONE) + rect(604, 364, 26, 150, STONE)
    tools = wheel(400, 448, 78) + line("M240 316 L300 316 M500 316 L560 316", STEEL, 14)
    return picture(people + bench + tools, title, SAND_TINT)


def club(title: str) -> str:
    """The badge of the riders' club."""
    star = "".join(circle(x, y, 8, SAND) for x, y in around(400, 290, 122, 12))
    return picture(
        gear(400, 290, 196, 36, FOREST_DEEP)
        + circle(400, 290, 166, FOREST)
        + star
        + ring(400, 290, 92, WHITE, 6)
        + line("M340 300 L380 340 L462 246", WHITE, 20),
        title,
        FOREST_TINT,
    )
