"""Backgrounds: one function per scene, each with four variants that differ a little.

Knows how places look; knows nothing of people. Finished backgrounds are kept,
since they depend on nothing but scene, wall, variant and size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageOps

from training.starter.canvas import Canvas, Colour, darker, lighter, mix
from training.starter.looks import PLAIN

WALLS: dict[str, Colour] = {
    "white": (240, 240, 236),
    "grey": (168, 172, 180),
    "pink": (246, 188, 208),
    "blue": (142, 184, 236),
    "green": (160, 214, 150),
    "yellow": (250, 224, 130),
    "purple": (188, 160, 226),
    "teal": (112, 204, 196),
}


def _beach(canvas: Canvas, late: bool) -> None:
    canvas.gradient((96, 184, 240), (196, 232, 250), (0, 74))
    canvas.ellipse((104, 20), (11, 11), (255, 232, 120) if late else (255, 244, 170))
    canvas.box((0, 74), (128, 98), (38, 140, 196))
    canvas.box((0, 80), (128, 83), (92, 178, 220))
    canvas.box((0, 98), (128, 128), (242, 216, 160))
    canvas.polygon([(14, 100), (18, 100), (24, 44), (20, 43)], (140, 94, 54))
    for points in (
        [(22, 44), (2, 34), (-4, 46), (6, 40)],
        [(22, 44), (8, 56), (4, 70), (10, 56)],
        [(22, 44), (42, 34), (50, 48), (38, 41)],
        [(22, 44), (34, 54), (38, 68), (30, 58)],
        [(22, 44), (20, 26), (32, 22), (26, 32)],
    ):
        canvas.polygon(points, (44, 150, 76))


def _forest(canvas: Canvas, late: bool) -> None:
    canvas.gradient((150, 206, 170) if late else (186, 226, 184), (96, 160, 110), (0, 96))
    canvas.box((0, 96), (128, 128), (66, 122, 58))
    for x, tall, green in ((12, 12, 0.0), (116, 8, 0.05), (38, 24, 0.3), (92, 26, 0.3), (64, 18, 0.4)):
        leaf = mix((28, 104, 62), (120, 180, 130), green)
        canvas.box((x - 4, 84), (x + 4, 108), darker((120, 80, 48), 0.1))
        for level in range(3):
            y = tall + 22 * level
            half = 12 + 5 * level
            canvas.polygon([(x, y), (x + half, y + 34), (x - half, y + 34)], leaf)


def _city(canvas: Canvas, late: bool) -> None:
    canvas.gradient((120, 172, 230), (206, 228, 244))
    houses = ((0, 42, 24), (24, 22, 22), (46, 50, 20), (66, 34, 18), (84, 18, 22), (106, 38, 22))
    for index, (x, top, width) in enumerate(houses):
        wall = ((92, 106, 140), (116, 128, 160))[index % 2]
        canvas.box((x, top), (x + width, 128), darker(wall, 0.25) if late else wall)
        for row in range(4):
            y = top + 8 + row * 20
            for column in (x + 4, x + width - 9):
                canvas.box((column, y), (column + 5, y + 9), (255, 230, 140))


def _mountains(canvas: Canvas, late: bool) -> None:
    canvas.gradient((92, 164, 232), (206, 230, 246), (0, 100))
    for x, top, half, grey in ((20, 26, 46, 0.0), (106, 18, 50, 0.1), (64, 48, 44, 0.25)):
        rock = mix((104, 112, 142), (150, 160, 186), grey)
        canvas.polygon([(x - half, 104), (x, top), (x + half, 104)], darker(rock, 0.1 * late))
        cap = half * 0.3
        drop = (104 - top) * 0.3
        canvas.polygon(
            [(x - cap, top + drop), (x, top), (x + cap, top + drop), (x, top + drop * 0.72)],
            (250, 252, 255),
        )
    canvas.box((0, 100), (128, 128), (112, 172, 92))


def _sunset(canvas: Canvas, late: bool) -> None:
    canvas.gradient((112, 58, 130) if late else (146, 72, 132), (255, 150, 66), (0, 88))
    canvas.ellipse((30, 78), (20, 20), (255, 222, 96))
    canvas.polygon([(0, 88), (24, 72), (52, 90), (84, 66), (128, 90), (128, 100), (0, 100)], (92, 44, 96))
    canvas.box((0, 92), (128, 128), (70, 34, 84))
    for x, y, half in ((30, 100, 18), (30, 108, 12), (30, 116, 7)):
        canvas.box((x - half, y), (x + half, y + 3), (250, 164, 92))


def _night(canvas: Canvas, late: bool) -> None:
    canvas.gradient((12, 16, 52), (44, 52, 112), (0, 104))
    canvas.ellipse((104, 22), (13, 13), (255, 244, 196))
    canvas.ellipse((98, 18), (12, 12), (14, 19, 57))
    stars = ((10, 12), (26, 30), (44, 10), (70, 8), (84, 34), (14, 56), (116, 52), (8, 84), (112, 82))
    for x, y in stars:
        canvas.ellipse((x, y + (3 if late else 0)), (1.7, 1.7), (255, 255, 240))
    canvas.polygon([(0, 104), (30, 92), (64, 102), (100, 90), (128, 102), (128, 128), (0, 128)], (18, 30, 46))


def _library(canvas: Canvas, late: bool) -> None:
    wall = (222, 200, 166) if late else (230, 212, 182)
    canvas.box((0, 0), (128, 128), wall)
    books = ((188, 56, 52), (52, 112, 172), (70, 146, 84), (222, 170, 60), (128, 76, 150))
    canvas.rounded((48, 14), (80, 72), 15, (140, 96, 58), edge=None)
    canvas.rounded((51, 17), (77, 69), 12, (150, 204, 240), edge=None)
    canvas.box((63, 17), (65, 69), (140, 96, 58))
    canvas.box((0, 104), (128, 128), (150, 96, 60))
    for side in (0, 88):
        canvas.box((side, 0), (side + 40, 128), (112, 70, 40))
        for shelf in range(4):
            y = 4 + 31 * shelf
            canvas.box((side + 3, y), (side + 37, y + 27), (66, 40, 26))
            for index in range(4):
                left = side + 4 + 8.2 * index
                high = y + (3 if (index + shelf) % 2 else 7)
                canvas.box((left, high), (left + 7, y + 27), books[(index + 2 * shelf) % 5])


def _dungeon(canvas: Canvas, late: bool) -> None:
    canvas.box((0, 0), (128, 128), (44, 42, 52))
    for row in range(6):
        y = 22 * row
        for index in range(-1, 4):
            x = 36 * index + (18 if row % 2 else 0)
            stone = ((78, 76, 90), (90, 88, 102))[(row + index) % 2]
            canvas.box((x + 1, y + 1), (x + 34, y + 20), darker(stone, 0.2 * late))
    for x in (14, 114):
        canvas.ellipse((x, 44), (13, 17), (120, 84, 62))
        canvas.box((x - 2.5, 52), (x + 2.5, 74), (120, 78, 44))
        canvas.ellipse((x, 46), (7, 10), (246, 130, 40))
        canvas.ellipse((x, 49), (3.8, 6), (255, 226, 110))


def _castle(canvas: Canvas, late: bool) -> None:
    canvas.gradient((130, 190, 240), (214, 236, 250), (0, 104))
    stone = (168, 170, 184) if late else (186, 186, 196)
    canvas.box((0, 60), (128, 112), stone)
    for x in range(0, 128, 16):
        canvas.box((x, 52), (x + 9, 62), stone)
    for x in (16, 112):
        canvas.box((x - 14, 34), (x + 14, 112), darker(stone, 0.12))
        canvas.polygon([(x - 18, 35), (x, 4), (x + 18, 35)], (190, 60, 64))
        canvas.rounded((x - 4, 46), (x + 4, 64), 4, (62, 60, 84), edge=None)
    canvas.rounded((52, 78), (76, 118), 11, (92, 60, 40), edge=None)
    canvas.box((0, 110), (128, 128), (112, 172, 92))


def _office(canvas: Canvas, late: bool) -> None:
    canvas.box((0, 0), (128, 128), (214, 220, 226) if late else (224, 228, 232))
    for left in (4, 88):
        canvas.box((left, 12), (left + 36, 68), (250, 250, 250))
        canvas.box((left + 3, 15), (left + 33, 65), (140, 196, 236))
        canvas.box((left + 16.5, 15), (left + 19.5, 65), (250, 250, 250))
    canvas.box((0, 96), (128, 128), (176, 130, 88))
    canvas.box((0, 96), (128, 100), (198, 152, 106))
    canvas.rounded((92, 76), (124, 97), 2, (52, 58, 70), edge=None)
    canvas.box((95, 79), (121, 94), (120, 200, 210))
    canvas.box((8, 84), (22, 97), (200, 96, 66))
    canvas.ellipse((15, 78), (9, 10), (70, 150, 84))


def _kitchen(canvas: Canvas, late: bool) -> None:
    canvas.box((0, 0), (128, 128), (250, 240, 214) if late else (252, 244, 226))
    for left in (0, 86):
        canvas.box((left, 0), (left + 42, 34), (92, 160, 168))
        canvas.box((left + 20, 0), (left + 22, 34), darker((92, 160, 168), 0.25))
    canvas.box((0, 90), (128, 128), (92, 160, 168))
    canvas.box((0, 86), (128, 93), (236, 236, 236))
    canvas.box((90, 60), (122, 88), (120, 126, 134))
    canvas.box((94, 66), (118, 84), (52, 56, 64))
    canvas.rounded((6, 66), (28, 88), 4, (206, 72, 62), edge=None)
    canvas.box((3, 66), (31, 70), (170, 52, 48))


def _garden(canvas: Canvas, late: bool) -> None:
    canvas.gradient((126, 198, 244), (220, 242, 250), (0, 70))
    canvas.box((0, 70), (128, 128), (126, 196, 92))
    for x, y, r in ((10, 62, 20), (118, 58, 22), (44, 68, 14), (86, 68, 14)):
        canvas.ellipse((x, y), (r, r), darker((84, 168, 78), 0.1 * late))
    blooms = ((240, 92, 130), (255, 214, 74), (250, 250, 250))
    spots = ((12, 88), (30, 100), (14, 112), (98, 92), (116, 104), (100, 116), (64, 92))
    for index, (x, y) in enumerate(spots):
        canvas.ellipse((x, y), (5, 5), blooms[(index + late) % 3])
        canvas.ellipse((x, y), (2, 2), (250, 176, 48))


def _desert(canvas: Canvas, late: bool) -> None:
    canvas.gradient((110, 190, 240), (252, 232, 190), (0, 96))
    canvas.ellipse((104, 18), (12, 12), (255, 240, 150))
    canvas.blob([(-20, 92), (26, 76), (70, 90), (128, 74), (150, 140), (-20, 140)], (238, 190, 110))
    canvas.blob([(-20, 112), (40, 100), (100, 112), (150, 104), (150, 150), (-20, 150)], (222, 168, 90))
    cactus = (66, 142, 80) if late else (78, 154, 84)
    canvas.rounded((12, 48), (22, 104), 5, cactus, edge=None)
    canvas.rounded((2, 58), (8, 80), 3, cactus, edge=None)
    canvas.box((4, 74), (16, 80), cactus)
    canvas.rounded((27, 52), (33, 74), 3, cactus, edge=None)
    canvas.box((18, 68), (31, 74), cactus)


def _snow(canvas: Canvas, late: bool) -> None:
    canvas.gradient((150, 178, 210), (214, 226, 238), (0, 112))
    for x, top in ((14, 30), (112, 24), (38, 50), (90, 52)):
        for level in range(3):
            y = top + 18 * level
            half = 9 + 5 * level
            canvas.polygon([(x, y), (x + half, y + 28), (x - half, y + 28)], (64, 116, 108))
            canvas.polygon([(x, y), (x + half * 0.6, y + 16), (x - half * 0.6, y + 16)], (246, 250, 255))
    canvas.blob([(-20, 104), (30, 96), (90, 104), (150, 94), (150, 150), (-20, 150)], (244, 248, 254))
    for x, y in ((8, 12), (28, 24), (52, 8), (76, 16), (98, 8), (120, 20), (26, 76), (102, 74)):
        canvas.ellipse((x, y + 4 * late), (2.2, 2.2), (255, 255, 255))


def _tavern(canvas: Canvas, late: bool) -> None:
    wood = (150, 98, 56) if late else (162, 108, 64)
    canvas.box((0, 0), (128, 128), wood)
    for x in range(0, 128, 26):
        canvas.box((x, 0), (x + 2.5, 128), darker(wood, 0.35))
    canvas.box((0, 0), (128, 10), darker(wood, 0.45))
    for x in (22, 106):
        canvas.ellipse((x, 30), (15, 15), lighter(wood, 0.35))
        canvas.ellipse((x, 30), (7, 9), (255, 220, 110))
        canvas.box((x - 1.5, 10), (x + 1.5, 22), (60, 40, 30))
    for x in (14, 114):
        canvas.ellipse((x, 102), (18, 24), (116, 66, 36))
        canvas.box((x - 17, 92), (x + 17, 96), (70, 70, 78))
        canvas.box((x - 17, 108), (x + 17, 112), (70, 70, 78))


def _space(canvas: Canvas, late: bool) -> None:
    canvas.gradient((20, 10, 44), (54, 24, 84))
    canvas.ellipse((22, 32), (16, 16), (226, 138, 84) if late else (98, 190, 206))
    canvas.arc((22, 32), (25, 7), (-30, 210), (246, 220, 170), 2.4)
    canvas.ellipse((112, 86), (12, 12), (180, 104, 200))
    for x, y in ((52, 10), (74, 20), (100, 14), (118, 40), (8, 66), (16, 104), (100, 112), (60, 116)):
        canvas.ellipse((x, y), (1.8, 1.8), (255, 255, 244))


SCENES: dict[str, Callable[[Canvas, bool], None]] = {
    "beach": _beach,
    "forest": _forest,
    "city": _city,
    "mountains": _mountains,
    "sunset": _sunset,
    "night": _night,
    "library": _library,
    "dungeon": _dungeon,
    "castle": _castle,
    "office": _office,
    "kitchen": _kitchen,
    "garden": _garden,
    "desert": _desert,
    "snow": _snow,
    "tavern": _tavern,
    "space": _space,
}


def ground(scene: str, wall: str, variant: int, pixels: int) -> Image.Image:
    """The supersampled background. Variants 1 and 3 are mirrored, 2 and 3 differ in tint."""
    return _kept(scene, wall, 0, pixels) if scene == PLAIN else _kept(scene, "white", variant, pixels)


@lru_cache(maxsize=128)
def _kept(scene: str, wall: str, variant: int, pixels: int) -> Image.Image:
    canvas = Canvas(pixels)
    if scene == PLAIN:
        canvas.box((0, 0), (128, 128), WALLS[wall])
        return canvas.image
    SCENES[scene](canvas, variant >= 2)
    return ImageOps.mirror(canvas.image) if variant % 2 else canvas.image
