"""Single objects, drawn large in the middle of a picture.

Knows the eight objects; knows nothing of people or scenes.
"""

from __future__ import annotations

from collections.abc import Callable

from training.starter.canvas import Canvas, Point, darker

_SPOTS: tuple[Point, ...] = ((-8, -10), (6, -14), (0, -4), (12, -5), (-14, -3))


def draw_muffin(canvas: Canvas, centre: Point, size: float) -> None:
    """A muffin about 40 x 44 units at size 1."""
    x, y = centre
    cup = [(-17, 2), (17, 2), (13, 24), (-13, 24)]
    canvas.polygon([(x + dx * size, y + dy * size) for dx, dy in cup], (236, 108, 150), edge=(130, 40, 76))
    for dx in (-8.0, 0.0, 8.0):
        top, foot = (x + dx * size, y + 4 * size), (x + dx * 0.8 * size, y + 23 * size)
        canvas.line([top, foot], (188, 66, 110), 1.6 * size)
    dome = [(-21, 2), (-19, -10), (-8, -20), (8, -20), (19, -10), (21, 2), (0, 6)]
    placed = [(x + dx * size, y + dy * size) for dx, dy in dome]
    canvas.blob(placed, (216, 154, 84), edge=(112, 68, 30))
    for dx, dy in _SPOTS:
        canvas.ellipse((x + dx * size, y + dy * size), (2.9 * size, 2.9 * size), (70, 40, 84))


def draw_flame(canvas: Canvas, foot: Point, size: float) -> None:
    """A flame about 26 x 44 units at size 1; `foot` is 16 units above its lower end."""
    x, y = foot
    outer = [(0, 16), (-13, 6), (-12, -8), (-4, -18), (-1, -30), (8, -18), (13, -4), (11, 9)]
    for share, colour in ((1.0, (240, 74, 32)), (0.68, (255, 160, 44)), (0.36, (255, 234, 130))):
        points = [(x + dx * share * size, y + (dy * share + 10 * (1 - share)) * size) for dx, dy in outer]
        canvas.blob(points, colour, edge=(150, 30, 20) if share == 1.0 else None)


def _muffins(canvas: Canvas, x: float, y: float) -> None:
    canvas.ellipse((x, y + 36), (56, 9), (250, 250, 252), edge=(130, 134, 150))
    draw_muffin(canvas, (x, y - 6), 0.9)
    for dx in (-29, 29):
        draw_muffin(canvas, (x + dx, y + 14), 0.95)


def _sword(canvas: Canvas, x: float, y: float) -> None:
    blade = [(-8, 24), (-8, -44), (0, -56), (8, -44), (8, 24)]
    placed = [(x + dx, y + dy) for dx, dy in blade]
    canvas.polygon(placed, (214, 224, 236), edge=(84, 94, 112))
    canvas.line([(x, y - 44), (x, y + 22)], (150, 162, 180), 2.4)
    canvas.rounded((x - 26, y + 22), (x + 26, y + 30), 3, (240, 186, 60), edge=(120, 80, 20))
    canvas.box((x - 4.5, y + 30), (x + 4.5, y + 48), (112, 66, 36))
    canvas.ellipse((x, y + 51), (6.5, 6.5), (240, 186, 60), edge=(120, 80, 20))


def _potion(canvas: Canvas, x: float, y: float) -> None:
    glass, edge = (206, 236, 244), (76, 110, 130)
    canvas.rounded((x - 9, y - 40), (x + 9, y), 2, glass, edge=edge)
    canvas.ellipse((x, y + 16), (33, 32), glass, edge=edge)
    canvas.box((x - 8, y - 30), (x + 8, y), glass)
    canvas.chord((x, y + 16), (29, 28), (-12, 192), (150, 50, 200))
    for dx, dy, r in ((-10, 22, 3.5), (8, 30, 4.5), (12, 17, 2.8)):
        canvas.ellipse((x + dx, y + dy), (r, r), (214, 140, 244))
    canvas.rounded((x - 8, y - 52), (x + 8, y - 38), 3, (178, 120, 72), edge=(92, 56, 30))


def _apple(canvas: Canvas, x: float, y: float) -> None:
    body = [(0, -18), (20, -26), (38, -12), (36, 16), (18, 42), (0, 37), (-18, 42), (-36, 16)]
    body += [(-38, -12), (-20, -26)]
    canvas.blob([(x + dx, y + dy) for dx, dy in body], (218, 44, 50), edge=(116, 16, 26))
    canvas.line([(x, y - 16), (x + 3, y - 38)], (98, 60, 34), 4.0)
    leaf = [(3, -32), (16, -46), (34, -44), (22, -30)]
    canvas.blob([(x + dx, y + dy) for dx, dy in leaf], (74, 166, 70), edge=(30, 90, 40))
    canvas.ellipse((x - 20, y - 6), (5, 9), (250, 170, 160))


def _coffee(canvas: Canvas, x: float, y: float) -> None:
    edge = (110, 116, 130)
    canvas.ellipse((x, y + 38), (48, 8), (250, 250, 252), edge=edge)
    canvas.ring((x + 34, y + 8), 15, (172, 60, 52), 6)
    canvas.rounded((x - 32, y - 16), (x + 32, y + 36), 9, (226, 84, 70), edge=(120, 34, 30))
    canvas.ellipse((x, y - 15), (32, 8), (250, 240, 230), edge=(120, 34, 30))
    canvas.ellipse((x, y - 14.5), (27, 5.6), (88, 50, 30))
    for dx in (-14, 0, 14):
        points = [(x + dx, y - 28), (x + dx + 4, y - 36), (x + dx - 3, y - 44), (x + dx + 1, y - 52)]
        canvas.line(points, (255, 255, 255), 3.2)


def _book(canvas: Canvas, x: float, y: float) -> None:
    canvas.rounded((x - 50, y - 24), (x + 50, y + 36), 3, (48, 84, 176), edge=(22, 34, 84))
    for side in (-1, 1):
        page = [(0, -20), (side * 22, -30), (side * 46, -24), (side * 46, 28), (side * 22, 22), (0, 32)]
        canvas.polygon([(x + dx, y + dy) for dx, dy in page], (252, 246, 228), edge=(150, 130, 104))
        for dy in (-14, -4, 6, 16):
            canvas.line([(x + side * 8, y + dy), (x + side * 38, y + dy - 5)], (160, 150, 140), 2.4)
    canvas.line([(x, y - 20), (x, y + 32)], (150, 130, 104), 2.4)


def _rose(canvas: Canvas, x: float, y: float) -> None:
    canvas.line([(x, y + 4), (x + 3, y + 30), (x, y + 56)], (50, 130, 60), 5.0)
    for side in (-1, 1):
        leaf = [(side * 2, 34), (side * 16, 20), (side * 32, 24), (side * 18, 36)]
        canvas.blob([(x + dx, y + dy) for dx, dy in leaf], (74, 166, 70), edge=(30, 90, 40))
    petal, edge = (222, 36, 66), (118, 10, 34)
    for dx, dy in ((-17, -14), (17, -14), (0, -2), (-10, -30), (10, -30)):
        canvas.ellipse((x + dx, y + dy), (17, 16), petal, edge=edge)
    canvas.ellipse((x, y - 20), (14, 13), darker(petal, 0.2), edge=edge)
    canvas.arc((x, y - 20), (7, 6.5), (150, 420), (250, 130, 150), 2.6)


def _cat(canvas: Canvas, x: float, y: float) -> None:
    fur, edge = (238, 152, 66), (122, 64, 20)
    body = [(-22, 20), (-32, 58), (32, 58), (22, 20), (0, 10)]
    canvas.blob([(x + dx, y + dy) for dx, dy in body], fur, edge=edge)
    canvas.arc((x + 36, y + 34), (12, 20), (-90, 100), fur, 8.0)
    for side in (-1, 1):
        ear = [(side * 10, -34), (side * 32, -52), (side * 34, -16)]
        canvas.polygon([(x + dx, y + dy) for dx, dy in ear], fur, edge=edge)
    canvas.ellipse((x, y - 12), (36, 29), fur, edge=edge)
    for side in (-1, 1):
        canvas.ellipse((x + side * 15, y - 16), (7.5, 8.5), (190, 236, 110), edge=edge)
        canvas.ellipse((x + side * 15, y - 16), (2.6, 7.0), (20, 20, 24))
        for dy in (-1, 6):
            canvas.line([(x + side * 14, y + dy), (x + side * 42, y + dy - 3)], (255, 246, 230), 1.8)
    canvas.polygon([(x - 5, y - 4), (x + 5, y - 4), (x, y + 2)], (230, 90, 110))
    for side in (-1, 1):
        canvas.arc((x + side * 5, y + 3), (5, 5), (0, 180), edge, 2.0)


OBJECTS: dict[str, Callable[[Canvas, float, float], None]] = {
    "muffins": _muffins,
    "sword": _sword,
    "potion": _potion,
    "apple": _apple,
    "coffee": _coffee,
    "book": _book,
    "rose": _rose,
    "cat": _cat,
}
