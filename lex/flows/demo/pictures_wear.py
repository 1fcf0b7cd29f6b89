"""Pictures of clothing."""

from lex.flows.demo.drawing import (
    COLOURS,
    INK,
    NAVY_TINT,
    RUST,
    RUST_TINT,
    SAND,
    SAND_TINT,
    STONE,
    WHITE,
    circle,
    line,
    moved,
    path,
    picture,
    rect,
    turned,
)

_BODY = "M312 150 Q400 190 488 150 L556 186 Q520 300 522 500 L278 500 Q280 300 244 186 Z"


def jersey(colour: str, title: str) -> str:
    """A short-sleeved jersey with a full zip and one band."""
    main, deep, tint = COLOURS[colour]
    shapes = (
        path("M312 150 L244 186 L176 300 L246 340 L290 262 Z", deep)
        + path("M488 150 L556 186 L624 300 L554 340 L510 262 Z", deep)
        + path(_BODY, main)
        + path("M281 318 L519 318 L521 366 L279 366 Z", WHITE, 'opacity="0.92"')
        + path("M312 150 Q400 190 488 150 L470 128 Q400 158 330 128 Z", deep)
        + line("M400 172 L400 500", deep, 4)
        + rect(394, 186, 12, 26, SAND, 5)
        + line("M180 296 L248 334 M620 296 L552 334", main, 9)
        + rect(278, 484, 244, 16, deep)
    )
    return picture(shapes, title, tint)


def long_jersey(title: str) -> str:
    """A long-sleeved jersey."""
    main, deep, tint = COLOURS["Ink"]
    shapes = (
        path("M312 150 L244 186 L190 470 L244 482 L292 262 Z", deep)
        + path("M488 150 L556 186 L610 470 L556 482 L508 262 Z", deep)
        + path(_BODY, main)
        + path("M312 150 Q400 190 488 150 L476 108 Q400 132 324 108 Z", deep)
        + line("M400 122 L400 330", SAND, 4)
        + path("M281 250 L519 250 L519 266 L281 266 Z", SAND)
        + path("M281 282 L519 282 L519 290 L281 290 Z", SAND)
        + rect(278, 484, 244, 16, deep)
    )
    return picture(shapes, title, tint)


def bib_shorts(title: str) -> str:
    """Bib shorts."""
    shapes = (
        line("M330 250 Q322 150 348 104 M470 250 Q478 150 452 104", STONE, 24)
        + path("M348 104 Q400 150 452 104", "none", f'stroke="{STONE}" stroke-width="22"')
        + path("M306 236 Q400 268 494 236 L510 330 L546 500 L428 508 L400 380 L372 508 L254 500 L290 330 Z", INK)
        + path("M254 500 L372 508 L376 484 L259 474 Z M546 500 L428 508 L424 484 L541 474 Z", RUST)
        + line("M400 262 L400 380", STONE, 3)
    )
    return picture(shapes, title, RUST_TINT)


def rain_jacket(colour: str, title: str) -> str:
    """A rain jacket with a hood."""
    main, deep, tint = COLOURS[colour]
    shapes = (
        path("M330 150 Q330 76 400 76 Q470 76 470 150 Z", deep)
        + path("M352 150 Q352 104 400 104 Q448 104 448 150 Z", INK)
        + path("M312 150 L244 186 L186 466 L246 480 L292 262 Z", deep)
        + path("M488 150 L556 186 L614 466 L554 480 L508 262 Z", deep)
        + path("M312 144 L488 144 L556 186 Q524 300 530 512 L270 512 Q276 300 244 186 Z", main)
        + line("M400 150 L400 512", WHITE, 5)
        + line("M312 390 L364 366 M488 390 L436 366", deep, 9)
        + line("M296 246 L504 246", WHITE, 6, 'stroke-dasharray="14 10"')
    )
    return picture(shapes, title, tint)


def cap(title: str) -> str:
    """A cycling cap."""
    main, deep, tint = COLOURS["Forest"]
    shapes = (
        path("M220 350 Q220 180 400 180 Q580 180 580 350 Z", main)
        + path("M374 181 Q400 178 426 181 L440 350 L360 350 Z", WHITE)
        + path("M392 180 L408 180 L412 350 L388 350 Z", RUST)
        + path("M220 350 L580 350 Q560 392 400 396 Q240 392 220 350 Z", deep)
        + path("M232 360 Q260 440 390 446 Q350 410 360 386 Z", main)
        + circle(400, 180, 9, deep)
    )
    return picture(shapes, title, tint)


def socks(title: str) -> str:
    """A pair of wool socks."""
    main, deep, tint = COLOURS["Sand"]
    one = (
        path("M0 0 L86 0 L86 210 Q92 250 150 276 Q186 294 176 322 Q166 346 120 340 L40 322 Q-6 306 0 250 Z", main)
        + rect(-2, -4, 90, 34, deep, 8)
        + path("M0 74 L86 74 L86 96 L0 96 Z M0 114 L86 114 L86 124 L0 124 Z", RUST)
        + path("M128 268 Q186 290 176 322 Q166 346 120 340 L104 337 Q110 290 128 268 Z", deep)
        + path("M2 236 Q40 240 52 322 L40 322 Q-6 306 2 236 Z", deep)
    )
    return picture(moved(262, 130, one, 1.1) + moved(392, 150, one, 1.1), title, tint)


def gloves(title: str) -> str:
    """A pair of long-finger gloves."""
    fingers = "".join(
        rect(x, y, 34, h, INK, 17) for x, y, h in ((4, 30, 150), (44, 4, 170), (84, 0, 170), (124, 24, 150))
    )
    one = (
        fingers
        + path("M4 130 L158 130 L150 300 L16 300 Z", INK)
        + path("M158 170 Q206 150 214 186 Q216 206 152 250 Z", INK)
        + rect(14, 284, 138, 44, RUST, 10)
        + path("M30 160 L132 160 L126 190 L36 190 Z", STONE)
        + rect(60, 296, 60, 18, SAND, 6)
    )
    left = turned(-8, moved(196, 140, one))
    right = turned(8, f'<g transform="translate(604 140) scale(-1 1)">{one}</g>')
    return picture(left + right, title, NAVY_TINT)


def helmet(title: str) -> str:
    """A helmet from the side."""
    main, deep, _ = COLOURS["Sand"]
    shapes = (
        path("M190 360 Q190 170 404 170 Q610 170 616 372 Q520 340 400 352 Q280 350 190 360 Z", main)
        + path("M250 300 Q280 220 380 206 L372 238 Q300 250 276 306 Z", INK)
        + path("M410 206 Q500 212 540 290 L508 292 Q476 244 404 238 Z", INK)
        + path("M300 330 Q330 280 400 270 L398 300 Q350 306 334 332 Z", deep)
        + path("M190 360 Q280 350 400 352 Q520 340 616 372 L612 388 Q500 366 400 374 Q280 370 192 378 Z", deep)
        + line("M286 374 Q330 470 402 474 Q470 470 520 372", INK, 9)
        + line("M402 474 L402 374", INK, 7)
        + rect(386, 462, 34, 22, STONE, 6)
    )
    return picture(shapes, title, SAND_TINT)
