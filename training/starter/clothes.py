"""Clothes, hats and what a figure holds.

Knows outfits, hats and props relative to the head's centre; knows nothing of faces or scenes.
"""

from __future__ import annotations

from collections.abc import Callable

from training.starter.canvas import Canvas, Colour, Point, darker, lighter
from training.starter.heads import INK, Figure
from training.starter.objects import draw_flame, draw_muffin

CLOTHS: dict[str, Colour] = {
    "red": (208, 44, 48),
    "orange": (244, 134, 40),
    "yellow": (248, 206, 62),
    "green": (46, 146, 76),
    "blue": (48, 100, 208),
    "purple": (126, 66, 178),
    "pink": (244, 130, 176),
    "white": (242, 242, 240),
    "black": (44, 44, 54),
    "grey": (142, 148, 158),
    "brown": (128, 82, 48),
}
_TORSO: tuple[Point, ...] = (
    (-14, 33), (-32, 37), (-45, 46), (-50, 64), (-52, 90), (52, 90), (50, 64), (45, 46), (32, 37),
    (14, 33),
)  # fmt: skip


def draw_clothes(canvas: Canvas, figure: Figure) -> None:
    """The upper body in the look's outfit."""
    cloth = CLOTHS[figure.look.cloth]
    torso = [figure.at(*point) for point in _TORSO]
    if figure.look.outfit == "dress":
        torso = [figure.at(*point) for point in ((-30, 46), (-36, 90), (36, 90), (30, 46))]
        _bare_shoulders(canvas, figure)
    canvas.polygon(torso, cloth, edge=darker(cloth, 0.45))
    _OUTFITS[figure.look.outfit](canvas, figure, cloth)


def _bare_shoulders(canvas: Canvas, figure: Figure) -> None:
    canvas.polygon([figure.at(x * 0.9, y) for x, y in _TORSO], figure.skin, edge=darker(figure.skin, 0.5))


def _shirt(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    canvas.chord(figure.at(0, 33), (14, 11), (0, 180), darker(cloth, 0.3))
    canvas.chord(figure.at(0, 32), (11, 9), (0, 180), darker(figure.skin, 0.1))
    for side in (-1, 1):
        canvas.line([figure.at(side * 34, 60), figure.at(side * 36, 80)], darker(cloth, 0.35), 1.6)


def _suit(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    canvas.polygon([figure.at(-13, 33), figure.at(13, 33), figure.at(0, 74)], (250, 250, 250))
    tie = (50, 80, 180) if figure.look.cloth == "red" else (204, 36, 48)
    canvas.polygon([figure.at(x, y) for x, y in ((-4, 38), (4, 38), (5, 62), (0, 70), (-5, 62))], tie)
    lapel = darker(cloth, 0.28)
    for side in (-1, 1):
        points = [(side * 13, 32), (side * 24, 46), (side * 15, 54), (0, 78), (side * 6, 56)]
        canvas.polygon([figure.at(*point) for point in points], lapel)


def _hoodie(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    shade = darker(cloth, 0.3)
    points = [(-26, 38), (-18, 28), (0, 38), (18, 28), (26, 38), (16, 50), (0, 54), (-16, 50)]
    canvas.blob([figure.at(*point) for point in points], shade)
    canvas.chord(figure.at(0, 35), (11, 8), (0, 180), darker(figure.skin, 0.1))
    for side in (-1, 1):
        canvas.line([figure.at(side * 8, 48), figure.at(side * 9, 66)], (255, 255, 255), 2.2)
    canvas.rounded(figure.at(-20, 70), figure.at(20, 90), 5, shade, edge=None)


def _dress(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    for side in (-1, 1):
        canvas.line([figure.at(side * 25, 47), figure.at(side * 15, 33)], cloth, 4.5)
    canvas.ellipse(figure.at(0, 46), (17, 7), darker(figure.skin, 0.04))
    for x in (-12, -6, 0, 6, 12):
        canvas.ellipse(figure.at(x, 44 + 4 * (1 - abs(x) / 14)), (2.2, 2.2), (250, 236, 190))


def _robe(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    gold = (252, 208, 84)
    canvas.polygon([figure.at(-13, 33), figure.at(13, 33), figure.at(0, 58)], darker(cloth, 0.5))
    for side in (-1, 1):
        points = [(side * 12, 31), (side * 19, 34), (side * 4, 62), (0, 90), (-side * 3, 62)]
        canvas.polygon([figure.at(*point) for point in points], gold)
    canvas.box(figure.at(-3, 58), figure.at(3, 90), gold)
    canvas.polygon([figure.at(x, y) for x, y in ((-6, 62), (0, 54), (6, 62), (0, 70))], (220, 60, 80))


def _armor(canvas: Canvas, figure: Figure, cloth: Colour) -> None:
    edge = darker(cloth, 0.5)
    canvas.rounded(figure.at(-15, 31), figure.at(15, 41), 4, lighter(cloth, 0.25), edge=edge)
    canvas.line([figure.at(0, 42), figure.at(0, 90)], edge, 2.0)
    for side in (-1, 1):
        canvas.ellipse(figure.at(side * 40, 50), (16, 14), lighter(cloth, 0.2), edge=edge)
        canvas.arc(figure.at(side * 40, 50), (9, 8), (190, 350), lighter(cloth, 0.6), 2.2)
        canvas.arc(figure.at(side * 14, 52), (12, 12), (10, 170), edge, 1.6)
        canvas.ellipse(figure.at(side * 9, 46), (1.8, 1.8), edge)


_OUTFITS: dict[str, Callable[[Canvas, Figure, Colour], None]] = {
    "shirt": _shirt,
    "suit": _suit,
    "hoodie": _hoodie,
    "dress": _dress,
    "robe": _robe,
    "armor": _armor,
}


def draw_hat(canvas: Canvas, figure: Figure) -> None:
    """The hat, above everything else on the head."""
    if figure.look.hat != "none":
        _HATS[figure.look.hat](canvas, figure)


def _wizard_hat(canvas: Canvas, figure: Figure) -> None:
    felt, edge = (74, 52, 168), (34, 22, 84)
    points = [figure.at(x, y) for x, y in ((-22, -16), (-9, -40), (7, -55), (13, -40), (22, -16))]
    canvas.polygon(points, felt, edge=edge)
    canvas.polygon(
        [figure.at(x, y) for x, y in ((-22, -17), (-18, -25), (18, -25), (22, -17))], (250, 204, 70)
    )
    canvas.ellipse(figure.at(0, -15), (36, 5.5), felt, edge=edge)
    for dx, dy in ((-4, -36), (6, -44), (7, -31)):
        canvas.ellipse(figure.at(dx, dy), (2.0, 2.0), (255, 226, 110))


def _crown(canvas: Canvas, figure: Figure) -> None:
    points = [(-21, -16), (-24, -42), (-11, -30), (0, -46), (11, -30), (24, -42), (21, -16)]
    placed = [figure.at(*point) for point in points]
    canvas.polygon(placed, (252, 204, 56), edge=(150, 98, 20))
    canvas.box(figure.at(-21, -21), figure.at(21, -16), (236, 168, 40))
    for x, gem in ((-13, (48, 110, 220)), (0, (220, 40, 60)), (13, (48, 110, 220))):
        canvas.ellipse(figure.at(x, -25), (2.8, 2.8), gem)


def _cap(canvas: Canvas, figure: Figure) -> None:
    red, edge = (216, 48, 48), (110, 20, 26)
    canvas.chord(figure.at(0, -11), (27, 24), (180, 360), edge)
    canvas.chord(figure.at(0, -12), (25.5, 21.8), (180, 360), red)
    brim = [(figure.side * x, y) for x, y in ((-22, -16), (24, -16), (42, -10), (24, -8), (-20, -10))]
    canvas.blob([figure.at(*point) for point in brim], (168, 30, 36), edge=edge)
    canvas.ellipse(figure.at(0, -23), (5, 5), (255, 255, 255))


def _helmet(canvas: Canvas, figure: Figure) -> None:
    steel, edge = (176, 186, 200), (74, 82, 98)
    plume = [(-4, -36), (0, -52), (14, -54), (28, -42), (30, -26), (20, -34), (8, -38)]
    placed = [figure.at(-figure.side * x, y) for x, y in plume]
    canvas.blob(placed, (206, 40, 52), edge=(112, 18, 30))
    canvas.chord(figure.at(0, -6), (28, 32.5), (180, 360), edge)
    canvas.chord(figure.at(0, -7), (26.5, 30), (180, 360), steel)
    for side in (-1, 1):
        points = [(side * 28, -8), (side * 20, -8), (side * 19, 20), (side * 26, 16)]
        canvas.polygon([figure.at(*point) for point in points], steel, edge=edge)
    canvas.box(figure.at(-27.5, -13), figure.at(27.5, -7), lighter(steel, 0.4))
    canvas.line([figure.at(0, -36), figure.at(0, -8)], edge, 2.2)


def _fedora(canvas: Canvas, figure: Figure) -> None:
    felt, edge = (124, 88, 58), (56, 36, 24)
    points = [(-21, -16), (-19, -38), (-8, -43), (0, -38), (8, -43), (19, -38), (21, -16)]
    canvas.polygon([figure.at(*point) for point in points], felt, edge=edge)
    canvas.polygon([figure.at(x, y) for x, y in ((-21, -16), (-20, -25), (20, -25), (21, -16))], (40, 30, 30))
    canvas.ellipse(figure.at(0, -15), (36, 4.6), felt, edge=edge)


def _chef(canvas: Canvas, figure: Figure) -> None:
    white, edge = (252, 252, 252), (150, 150, 164)
    for grown, colour in ((1.3, edge), (0.0, white)):
        for x, y in ((-15, -38), (15, -38), (0, -43)):
            canvas.ellipse(figure.at(x, y), (12 + grown, 11 + grown), colour)
    canvas.box(figure.at(-20.3, -32), figure.at(20.3, -13), edge)
    canvas.box(figure.at(-19, -34), figure.at(19, -14), white)


_HATS: dict[str, Callable[[Canvas, Figure], None]] = {
    "wizard": _wizard_hat,
    "crown": _crown,
    "cap": _cap,
    "helmet": _helmet,
    "fedora": _fedora,
    "chef": _chef,
}


def draw_prop(canvas: Canvas, figure: Figure) -> None:
    """What the figure holds in front of the body."""
    if figure.look.prop != "none":
        _PROPS[figure.look.prop](canvas, figure)


def _hand(canvas: Canvas, figure: Figure, centre: Point) -> None:
    canvas.ellipse(centre, (7, 6.4), figure.skin, edge=darker(figure.skin, 0.5))


def _fire(canvas: Canvas, figure: Figure) -> None:
    spot = figure.at(figure.side * 44, 34)
    draw_flame(canvas, spot, 1.0)
    _hand(canvas, figure, (spot[0], spot[1] + 20))


def _sword(canvas: Canvas, figure: Figure) -> None:
    x, y = figure.at(figure.side * 48, 46)
    blade = [(x - 4, y), (x - 4, y - 66), (x, y - 76), (x + 4, y - 66), (x + 4, y)]
    canvas.polygon(blade, (214, 224, 236), edge=(84, 94, 112))
    canvas.line([(x, y - 66), (x, y)], (150, 162, 180), 1.6)
    canvas.rounded((x - 12, y), (x + 12, y + 5), 2, (240, 186, 60), edge=(120, 80, 20))
    canvas.box((x - 2.6, y + 5), (x + 2.6, y + 20), (112, 66, 36))
    _hand(canvas, figure, (x, y + 13))


def _book(canvas: Canvas, figure: Figure) -> None:
    cover = (168, 40, 56) if figure.look.cloth != "red" else (40, 80, 170)
    canvas.rounded(figure.at(-23, 50), figure.at(23, 80), 2, cover, edge=INK)
    for side in (-1, 1):
        canvas.polygon(
            [figure.at(x, y) for x, y in ((0, 51), (side * 20, 48), (side * 20, 75), (0, 78))],
            (252, 246, 228),
        )
        for line in (56, 62, 68):
            canvas.line([figure.at(side * 5, line), figure.at(side * 16, line - 2)], (150, 140, 130), 1.4)
        _hand(canvas, figure, figure.at(side * 25, 68))
    canvas.line([figure.at(0, 51), figure.at(0, 78)], (150, 140, 130), 1.4)


def _cup(canvas: Canvas, figure: Figure) -> None:
    x, y = figure.at(figure.side * 30, 50)
    canvas.ring((x + figure.side * 10, y + 10), 7, (120, 130, 146), 2.6)
    canvas.rounded((x - 10, y), (x + 10, y + 22), 3, (250, 250, 250), edge=(110, 116, 130))
    canvas.ellipse((x, y + 1), (10, 3), (92, 54, 32))
    for dx in (-4, 4):
        points = [(x + dx, y - 4), (x + dx + 2, y - 8), (x + dx - 1, y - 12)]
        canvas.line(points, (255, 255, 255), 1.8)
    _hand(canvas, figure, (x - figure.side * 10, y + 14))


def _muffins(canvas: Canvas, figure: Figure) -> None:
    canvas.ellipse(figure.at(0, 74), (42, 6), (250, 250, 252), edge=(130, 134, 150))
    for dx in (-22, 0, 22):
        draw_muffin(canvas, figure.at(dx, 63), 0.62)
    for side in (-1, 1):
        _hand(canvas, figure, figure.at(side * 42, 74))


_PROPS: dict[str, Callable[[Canvas, Figure], None]] = {
    "fire": _fire,
    "sword": _sword,
    "book": _book,
    "cup": _cup,
    "muffins": _muffins,
}
