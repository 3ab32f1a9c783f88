"""Anti-aliased drawing in units of 1/128 of the picture's side.

Knows shapes and colours; knows nothing of what they depict. Everything is drawn
`SUPERSAMPLE` times larger and reduced with a box filter, which gives crisp edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

UNITS: Final = 128
SUPERSAMPLE: Final = 3
EDGE_WIDTH: Final = 1.6


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Colour between two: `share` 0 gives `first`, 1 gives `second`."""
    pairs = zip(first, second, strict=True)
    red, green, blue = (round(a + (b - a) * share) for a, b in pairs)
    return red, green, blue


def darker(colour: Colour, share: float = 0.35) -> Colour:
    """The colour moved towards a dark ink, as used for shadows and outlines."""
    return mix(colour, (24, 18, 40), share)


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """The colour moved towards white."""
    return mix(colour, (255, 255, 255), share)


def smooth(points: Sequence[Point], pieces: int = 6) -> list[Point]:
    """Closed Catmull-Rom curve through the points, `pieces` segments between two of them."""
    curve: list[Point] = []
    count = len(points)
    for index in range(count):
        before, start, end, after = (points[(index + k) % count] for k in (-1, 0, 1, 2))
        for step in range(pieces):
            t = step / pieces
            curve.append(
                (
                    _catmull(t, before[0], start[0], end[0], after[0]),
                    _catmull(t, before[1], start[1], end[1], after[1]),
                )
            )
    return curve


def _catmull(t: float, a: float, b: float, c: float, d: float) -> float:
    cubic = (3 * (b - c) + d - a) * t**3
    square = (2 * a - 5 * b + 4 * c - d) * t**2
    return 0.5 * (2 * b + (c - a) * t + square + cubic)


class Canvas:
    """A picture being drawn, `pixels` wide and high when finished."""

    def __init__(self, pixels: int, ground: Image.Image | None = None) -> None:
        side = pixels * SUPERSAMPLE
        self.pixels = pixels
        self.scale = side / UNITS
        self.image = ground.copy() if ground else Image.new("RGB", (side, side))
        self._draw = ImageDraw.Draw(self.image)

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.reduce(SUPERSAMPLE)

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def ellipse(self, centre: Point, radii: Point, fill: Colour, *, edge: Colour | None = None) -> None:
        """Filled ellipse; `edge` draws an outline of that colour around it."""
        if edge is not None:
            self.ellipse(centre, (radii[0] + EDGE_WIDTH, radii[1] + EDGE_WIDTH), edge)
        (x, y), (rx, ry) = centre, radii
        self._draw.ellipse(self._scaled([(x - rx, y - ry), (x + rx, y + ry)]), fill=fill)

    def ring(self, centre: Point, radius: float, colour: Colour, width: float) -> None:
        """Unfilled circle, its line within `radius`."""
        x, y = centre
        box = self._scaled([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse(box, outline=colour, width=max(1, round(width * self.scale)))

    def box(self, corner: Point, opposite: Point, fill: Colour) -> None:
        """Filled rectangle between two corners (top left, bottom right)."""
        self._draw.rectangle(self._scaled([corner, opposite]), fill=fill)

    def rounded(
        self, corner: Point, opposite: Point, radius: float, fill: Colour, *, edge: Colour | None
    ) -> None:
        """Filled rectangle with round corners."""
        if edge is not None:
            (x0, y0), (x1, y1), w = corner, opposite, EDGE_WIDTH
            self.rounded((x0 - w, y0 - w), (x1 + w, y1 + w), radius + w, edge, edge=None)
        self._draw.rounded_rectangle(self._scaled([corner, opposite]), radius * self.scale, fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour, *, edge: Colour | None = None) -> None:
        """Filled polygon; `edge` draws an outline of that colour around it."""
        scaled = self._scaled(points)
        if edge is not None:
            width = round(2 * EDGE_WIDTH * self.scale)
            self._draw.line([*scaled, *scaled[:2]], fill=edge, width=width, joint="curve")
        self._draw.polygon(scaled, fill=fill)

    def blob(self, points: Sequence[Point], fill: Colour, *, edge: Colour | None = None) -> None:
        """Filled smooth closed curve through the points."""
        self.polygon(smooth(points), fill, edge=edge)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Line through the points with round ends."""
        scaled = self._scaled(points)
        pixels = max(1, round(width * self.scale))
        self._draw.line(scaled, fill=colour, width=pixels, joint="curve")
        radius = pixels / 2
        for x, y in (scaled[0], scaled[-1]):
            self._draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)

    def arc(
        self, centre: Point, radii: Point, angles: tuple[float, float], colour: Colour, width: float
    ) -> None:
        """Part of an ellipse as a line; angles in degrees, 0 to the right, growing clockwise."""
        start, end = angles
        steps = 14
        points = [
            (
                centre[0] + radii[0] * math.cos(math.radians(start + (end - start) * k / steps)),
                centre[1] + radii[1] * math.sin(math.radians(start + (end - start) * k / steps)),
            )
            for k in range(steps + 1)
        ]
        self.line(points, colour, width)

    def chord(self, centre: Point, radii: Point, angles: tuple[float, float], fill: Colour) -> None:
        """Part of a filled ellipse cut off by a straight line between two angles (degrees)."""
        (x, y), (rx, ry) = centre, radii
        box = self._scaled([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.chord(box, angles[0], angles[1], fill=fill)

    def gradient(self, top: Colour, bottom: Colour, span: tuple[float, float] = (0, UNITS)) -> None:
        """Vertical change of colour over the picture's width between two heights."""
        first, last = (round(y * self.scale) for y in span)
        for row in range(first, last):
            share = (row - first) / max(1, last - first - 1)
            self._draw.line([(0, row), (self.image.width, row)], fill=mix(top, bottom, share), width=1)
