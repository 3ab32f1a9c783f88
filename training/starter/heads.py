"""Heads: face, ears, eyes, brows, mouth, beard and glasses of a figure.

Knows where features sit on a head; knows nothing of hair, clothes or scenes.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.starter.canvas import Canvas, Colour, Point, darker, lighter, mix
from training.starter.looks import Look

SKINS: dict[str, Colour] = {
    "light": (252, 218, 190),
    "tan": (230, 176, 128),
    "brown": (176, 112, 70),
    "dark": (104, 64, 44),
    "green": (126, 190, 92),
    "blue": (112, 166, 232),
}
HAIRS: dict[str, Colour] = {
    "black": (38, 34, 44),
    "brown": (108, 66, 38),
    "blonde": (238, 202, 98),
    "red": (206, 78, 32),
    "grey": (150, 154, 162),
    "white": (246, 246, 250),
    "pink": (244, 112, 178),
    "blue": (48, 92, 220),
}
IRISES: dict[str, Colour] = {"brown": (110, 60, 24), "green": (24, 150, 70), "blue": (28, 110, 226)}
INK: Colour = (30, 24, 38)
HEAD_RADII: Point = (23.0, 26.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A look with the place of its head's centre and its colours worked out."""

    look: Look
    x: float
    y: float

    @property
    def skin(self) -> Colour:
        """Colour of the face."""
        return SKINS[self.look.skin]

    @property
    def hair(self) -> Colour:
        """Colour of hair and beard."""
        return HAIRS[self.look.hair]

    @property
    def side(self) -> float:
        """1 or -1: on which side one-sided things are drawn."""
        return -1.0 if self.look.mirrored else 1.0

    def at(self, dx: float, dy: float) -> Point:
        """A point relative to the head's centre."""
        return self.x + dx, self.y + dy


def draw_head(canvas: Canvas, figure: Figure) -> None:
    """Neck, ears and the bare face, without features."""
    skin, edge = figure.skin, darker(figure.skin, 0.5)
    thick = 9.0 if figure.look.gender == "woman" else 11.5
    canvas.box(figure.at(-thick, 16), figure.at(thick, 44), darker(skin, 0.22))
    for side in (-1, 1):
        if figure.look.ears == "pointed":
            tip = figure.at(side * 41, -14)
            points = [figure.at(side * 20, -4), tip, figure.at(side * 21, 12)]
            canvas.polygon(points, skin, edge=edge)
            inner = [figure.at(side * 24, -2), figure.at(side * 36, -10), figure.at(side * 24, 7)]
            canvas.polygon(inner, darker(skin, 0.25))
        else:
            canvas.ellipse(figure.at(side * 23, 3), (5, 6.5), skin, edge=edge)
    rx, ry = HEAD_RADII
    if figure.look.gender == "man":
        points = [(0, -ry), (17, -21), (rx, -4), (22, 12), (13, 25), (0, 27)]
        points += [(-13, 25), (-22, 12), (-rx, -4), (-17, -21)]
    else:
        points = [(0, -ry), (17, -20), (rx, -3), (20, 12), (9, 24), (0, 27)]
        points += [(-9, 24), (-20, 12), (-rx, -3), (-17, -20)]
    canvas.blob([figure.at(*point) for point in points], skin, edge=edge)


def draw_face(canvas: Canvas, figure: Figure) -> None:
    """Everything on the face: eyes, brows, nose, beard, mouth, wrinkles, glasses."""
    if figure.look.age == "old":
        _wrinkles(canvas, figure)
    if figure.look.expression == "happy":
        for side in (-1, 1):
            canvas.ellipse(figure.at(side * 15.5, 9.5), (4, 2.8), mix(figure.skin, (240, 90, 90), 0.35))
    if figure.look.beard != "none":
        _beard(canvas, figure)
    _mouth(canvas, figure)
    if figure.look.beard != "none":
        _moustache(canvas, figure)
    nose = darker(figure.skin, 0.35)
    canvas.line([figure.at(0.5, 2), figure.at(-2, 8), figure.at(2, 8.6)], nose, 1.8)
    for side in (-1, 1):
        _eye(canvas, figure, side)
        _brow(canvas, figure, side)
    if figure.look.glasses == "glasses":
        _glasses(canvas, figure)


def _wrinkles(canvas: Canvas, figure: Figure) -> None:
    line = darker(figure.skin, 0.45)
    for y, half in ((-20.5, 8.0), (-16.5, 11.0)):
        canvas.line([figure.at(-half, y), figure.at(0, y - 0.8), figure.at(half, y)], line, 1.8)
    for side in (-1, 1):
        canvas.line([figure.at(side * 7, 9), figure.at(side * 14, 14), figure.at(side * 14.5, 20)], line, 2.2)


def _eye(canvas: Canvas, figure: Figure, side: int) -> None:
    wide = figure.look.expression == "surprised"
    centre = figure.at(side * 9.8, -1)
    canvas.ellipse(centre, (6.8, 7.2 if wide else 6.0), (255, 255, 255), edge=darker(figure.skin, 0.6))
    canvas.ellipse(centre, (5.2, 5.2), IRISES[figure.look.eyes])
    canvas.ellipse(centre, (1.9, 2.0), (16, 12, 20))
    if figure.look.age == "old":
        _heavy_lid(canvas, figure, centre)
    else:
        canvas.ellipse((centre[0] + 1.8, centre[1] - 1.8), (1.2, 1.2), (255, 255, 255))
    if figure.look.gender == "woman":
        top = 7.8 if wide else 6.6
        canvas.arc(centre, (7.4, top), (195, 345), INK, 1.8)
        corner = (centre[0] + side * 6.6, centre[1] - 2)
        canvas.line([corner, (corner[0] + side * 3, corner[1] - 2.6)], INK, 1.7)


def _heavy_lid(canvas: Canvas, figure: Figure, centre: Point) -> None:
    """Old eyes, the one mark of age that neither hats nor hair nor beards hide: half closed, with bags."""
    shade = darker(figure.skin, 0.3)
    canvas.chord(centre, (7.6, 7.4), (190, 350), shade)
    canvas.arc((centre[0], centre[1] + 2.4), (7.2, 6.6), (25, 155), darker(figure.skin, 0.45), 2.2)


_BROWS = {"happy": (-10.5, -10), "neutral": (-9, -9), "sad": (-13, -8), "angry": (-6, -12)}


def _brow(canvas: Canvas, figure: Figure, side: int) -> None:
    inner, outer = _BROWS.get(figure.look.expression, (-14, -13.5))
    hairless = figure.look.style == "bald" and figure.look.beard == "none"
    colour = (70, 52, 48) if hairless else darker(figure.hair, 0.3)
    width = 2.2 if figure.look.gender == "woman" else 3.2
    lift = 1.5 if figure.look.expression in {"happy", "neutral"} else 0.0
    middle = figure.at(side * 10, (inner + outer) / 2 - lift)
    canvas.line([figure.at(side * 4, inner), middle, figure.at(side * 16, outer)], colour, width)


def _mouth(canvas: Canvas, figure: Figure) -> None:
    lip = (196, 40, 62) if figure.look.gender == "woman" else (136, 44, 44)
    dark, y = (92, 18, 30), 15.0
    match figure.look.expression:
        case "happy":
            canvas.chord(figure.at(0, y - 2.6), (11.2, 10.6), (0, 180), lip)
            canvas.chord(figure.at(0, y - 1.2), (9.2, 7.4), (0, 180), dark)
            canvas.box(figure.at(-8.6, y - 1.2), figure.at(8.6, y + 1.8), (255, 255, 255))
        case "neutral":
            canvas.line([figure.at(-8, y + 1), figure.at(8, y + 1)], lip, 3.0)
        case "sad":
            canvas.arc(figure.at(0, y + 7), (10, 7.5), (200, 340), lip, 3.2)
            tear = [(-13.5, 7), (-10.5, 13), (-13.5, 16), (-16.5, 13)]
            canvas.blob([figure.at(*point) for point in tear], (96, 176, 246), edge=(40, 96, 190))
        case "angry":
            corner, opposite = figure.at(-9, y - 2), figure.at(9, y + 5)
            canvas.rounded(corner, opposite, 2.4, (255, 255, 255), edge=lip)
            canvas.line([figure.at(-8, y + 1.5), figure.at(8, y + 1.5)], dark, 1.3)
            for x in (-4.5, 0, 4.5):
                canvas.line([figure.at(x, y - 1), figure.at(x, y + 4)], dark, 1.0)
        case _:
            canvas.ellipse(figure.at(0, y + 2), (5.4, 6.6), dark, edge=lip)


def _beard(canvas: Canvas, figure: Figure) -> None:
    if figure.look.beard == "moustache":
        return
    points = [(-22.5, 2), (-15, 9), (0, 10.5), (15, 9), (22.5, 2), (22, 18), (12, 32), (0, 36)]
    points += [(-12, 32), (-22, 18)]
    canvas.blob([figure.at(*point) for point in points], figure.hair, edge=darker(figure.hair, 0.4))


def _moustache(canvas: Canvas, figure: Figure) -> None:
    edge = darker(figure.hair, 0.4)
    for side in (-1, 1):
        points = [(0, 9.4), (side * 7, 8.6), (side * 14, 13), (side * 8, 13.6), (0, 12.6)]
        canvas.blob([figure.at(*point) for point in points], figure.hair, edge=edge)


def _glasses(canvas: Canvas, figure: Figure) -> None:
    for side in (-1, 1):
        canvas.ring(figure.at(side * 10, -1), 9.6, INK, 2.0)
        canvas.line([figure.at(side * 19, -2), figure.at(side * 23, -3)], INK, 2.0)
    canvas.line([figure.at(-1.6, -2), figure.at(1.6, -2)], INK, 2.0)


def draw_shine(canvas: Canvas, figure: Figure) -> None:
    """The highlight on a bald head."""
    canvas.ellipse(figure.at(-8, -18), (5, 2.6), lighter(figure.skin, 0.4))
