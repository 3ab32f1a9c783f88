"""Hair: what hangs behind the head and what lies on it, per style.

Knows styles and hats' effect on hair; knows nothing of faces.
"""

from __future__ import annotations

from training.starter.canvas import Canvas, Point, darker, lighter
from training.starter.heads import Figure, draw_shine

_CURLS_BEHIND: tuple[Point, ...] = (
    (-26, -14), (-31, 2), (-29, 18), (26, -14), (31, 2), (29, 18), (-14, -27), (0, -31), (14, -27),
)  # fmt: skip
_CURLS_FRONT: tuple[Point, ...] = ((-19, -15), (-11, -21), (0, -23), (11, -21), (19, -15))


def draw_hair_behind(canvas: Canvas, figure: Figure) -> None:
    """The part that the head covers; call it before the head and the clothes are drawn."""
    hair, edge = figure.hair, darker(figure.hair, 0.45)
    back = darker(hair, 0.16)
    match figure.look.style:
        case "bob":
            points = [(-20, -24), (-31, -4), (-33, 20), (-30, 33), (-14, 32), (14, 32), (30, 33)]
            points += [(33, 20), (31, -4), (20, -24), (0, -31)]
            canvas.blob([figure.at(*point) for point in points], back, edge=edge)
        case "long":
            points = [(-20, -24), (-31, -2), (-35, 32), (-39, 66), (-22, 72), (0, 60), (22, 72)]
            points += [(39, 66), (35, 32), (31, -2), (20, -24), (0, -31)]
            canvas.blob([figure.at(*point) for point in points], back, edge=edge)
        case "curly":
            for grown, colour in ((1.3, edge), (0.0, back)):
                for point in _CURLS_BEHIND:
                    canvas.ellipse(figure.at(*point), (12 + grown, 12 + grown), colour)
        case "ponytail":
            points = [(14, -24), (32, -28), (46, -8), (45, 22), (37, 42), (32, 24), (32, 0), (22, -10)]
            placed = [figure.at(figure.side * x, y) for x, y in points]
            canvas.blob(placed, back, edge=edge)
            canvas.ellipse(figure.at(figure.side * 24, -20), (4.4, 4.4), (226, 58, 70))
        case "bun":
            centre = figure.at(0, -36)
            canvas.ellipse(centre, (12.5, 11.5), hair, edge=edge)
            canvas.arc(centre, (6.5, 6), (180, 330), lighter(hair, 0.25), 1.8)
        case _:
            pass  # short hair and bald heads have nothing behind the head


def draw_hair_front(canvas: Canvas, figure: Figure) -> None:
    """The part on the head; call it after the face is drawn."""
    hair, edge = figure.hair, darker(figure.hair, 0.45)
    style = figure.look.style
    if style == "bald":
        draw_shine(canvas, figure)
    elif style == "curly":
        for grown, colour in ((1.3, edge), (0.0, hair)):
            for point in _CURLS_FRONT:
                canvas.ellipse(figure.at(*point), (8.5 + grown, 8.5 + grown), colour)
    else:
        for outline in _FRINGES.get(style, (_TIED_BACK,)):
            canvas.blob([figure.at(*point) for point in outline], hair, edge=edge)


def _half_of_long(side: int) -> tuple[Point, ...]:
    right = ((0, -29), (15, -26), (26, -10), (28, 18), (29, 44), (21.5, 42), (21.5, 6), (16, -10), (2, -20))
    return tuple((side * x, y) for x, y in right)


_FRINGES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "long": (_half_of_long(-1), _half_of_long(1)),
    "bob": (
        ((-27, 10), (-27, -10), (-17, -26), (0, -30), (17, -26), (27, -10), (27, 10), (21, 6), (20, -9),
         (10, -12.5), (0, -13.5), (-10, -12.5), (-20, -9), (-21, 6)),
    ),
    "short": (
        ((-25, 0), (-25, -14), (-15, -28), (2, -32), (18, -27), (25, -13), (25, 0), (21, -9), (12, -12),
         (3, -18), (-8, -13), (-21, -8)),
    ),
}  # fmt: skip
_TIED_BACK: tuple[Point, ...] = (
    (-24.5, -4), (-23, -16), (-13, -27), (0, -29), (13, -27), (23, -16), (24.5, -4), (19, -12), (9, -18),
    (0, -19.5), (-9, -18), (-19, -12),
)  # fmt: skip
