"""Draw conventions.png and cameras.png in docs/images: `python docs/draw_conventions.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SCALE = 3  # drawn larger, then averaged: smooth lines
PANEL = 330
HEIGHT = 330
INK, FAINT, RED, GREEN, BLUE, ORANGE = "#222", "#bbb", "#c33", "#292", "#25c", "#d70"

Point = tuple[float, float]


@dataclass(frozen=True)
class Library:
    """How a library sees its cameras and images."""

    name: str
    signs: tuple[int, int, int]  # of its axes along right, up and forward
    top_left: str
    bottom_right: str
    formula: str


LIBRARIES = (
    Library("nr3d", (1, 1, 1), "NDC (-1, 1)", "(1, -1)", "R p + t"),
    Library(
        "OpenCV (projection), NMR_Dataset",
        (1, -1, 1),
        "pixel (0, 0), NMR (-1, -1)",
        "(W, H), NMR (1, 1)",
        "R p + t",
    ),
    Library("OpenGL", (1, 1, -1), "NDC (-1, 1)", "(1, -1)", "view (p, 1)"),
    Library("PyTorch3D", (-1, 1, 1), "NDC (1, 1)", "(-1, -1)", "p R + T"),
)


class Pen:
    """Draws on one panel, in its own pixels, y down."""

    def __init__(self, draw: ImageDraw.ImageDraw, panel: int) -> None:
        self.draw = draw
        self.left = panel * PANEL

    def place(self, point: Point) -> Point:
        """Give panel pixels as image pixels."""
        return ((point[0] + self.left) * SCALE, point[1] * SCALE)

    def line(self, a: Point, b: Point, color: str = INK, width: float = 1.5) -> None:
        """Draw a straight line."""
        self.draw.line([self.place(a), self.place(b)], fill=color, width=int(width * SCALE))

    def arrow(self, a: Point, b: Point, color: str = INK, width: float = 2.0) -> None:
        """Draw a line with a head at `b`."""
        self.line(a, b, color, width)
        angle = math.atan2(b[1] - a[1], b[0] - a[0])
        sides = [
            (b[0] - 9 * math.cos(angle + turn), b[1] - 9 * math.sin(angle + turn))
            for turn in (-0.4, 0.4)
        ]
        self.draw.polygon([self.place(point) for point in (b, *sides)], fill=color)

    def arc(self, centre: Point, radius: float, begin: float, end: float, color: str) -> None:
        """Draw part of a circle, angles in degrees, clockwise from the right."""
        low = self.place((centre[0] - radius, centre[1] - radius))
        high = self.place((centre[0] + radius, centre[1] + radius))
        self.draw.arc([low, high], begin, end, fill=color, width=2 * SCALE)

    def text(self, point: Point, words: str, color: str = INK, size: int = 13) -> None:
        """Write words with their middle at `point`."""
        font = ImageFont.load_default(size * SCALE)
        self.draw.text(self.place(point), words, fill=color, font=font, anchor="mm")

    def dot(self, point: Point, color: str, radius: float = 3.5) -> None:
        """Draw a disc."""
        x, y = self.place(point)
        r = radius * SCALE
        self.draw.ellipse([x - r, y - r, x + r, y + r], fill=color)


def draw_angles(pen: Pen) -> None:
    """Show elevation and azimuth around the object, in a parallel projection from above."""

    def project(x: float, y: float, z: float) -> Point:
        return (150 + 75 * x + 36 * z, 185 - 75 * y - 40 * z)

    origin, elevation, azimuth = project(0, 0, 0), 30.0, 78.0
    for end, name, color in (
        ((1.35, 0, 0), "x", RED),
        ((0, 1.45, 0), "y", GREEN),
        ((0, 0, 1.9), "z", BLUE),
    ):
        pen.arrow(origin, project(*end), color)
        tip = project(*(1.1 * value for value in end))
        pen.text(tip, name, color, 15)
    start = project(0, 0, -2.0)
    pen.line(origin, start, FAINT)
    pen.text((start[0] - 12, start[1] + 16), "azimuth 0: eye on -z", size=12)
    a, e = math.radians(azimuth), math.radians(elevation)

    def on_ground(angle: float, radius: float) -> Point:
        return project(radius * math.sin(angle), 0, -radius * math.cos(angle))

    for step in range(40):
        pen.line(on_ground(a * step / 40, 1.1), on_ground(a * (step + 1) / 40, 1.1), ORANGE, 2.5)
    foot = on_ground(a, 2.0 * math.cos(e))
    eye = (foot[0], foot[1] - 75 * 2.0 * math.sin(e))
    pen.line(origin, foot, FAINT)
    pen.line(foot, eye, FAINT)
    pen.arrow(eye, origin)
    pen.dot(eye, INK, 5)
    pen.text((eye[0] + 4, eye[1] - 14), "eye")
    pen.text((196, 250), "azimuth", ORANGE)
    pen.text((foot[0] + 36, foot[1] - 38), "elevation", ORANGE, 12)
    pen.text((165, 312), "mesh frame", size=15)


def draw_camera(pen: Pen) -> None:
    """Show half the field of view from the side."""
    eye, far = (45.0, 165.0), 270.0
    half = math.radians(24)
    reach = math.tan(half) * (far - eye[0])
    pen.arrow(eye, (far + 40, eye[1]), BLUE)
    pen.text((far + 36, eye[1] + 16), "z", BLUE, 15)
    pen.arrow(eye, (eye[0], eye[1] - 80), GREEN)
    pen.text((eye[0], eye[1] - 92), "y", GREEN, 15)
    for sign in (-1, 1):
        pen.line(eye, (far, eye[1] + sign * reach))
    pen.line((far, eye[1] - reach), (far, eye[1] + reach), INK, 3)
    pen.text((far + 2, eye[1] - reach - 12), "NDC y = +1", size=12)
    pen.text((far + 2, eye[1] + reach + 12), "NDC y = -1", size=12)
    pen.arc(eye, 100, -24, 0, ORANGE)
    pen.text((186, 143), "viewing_angle", ORANGE)
    pen.text((45, 190), "eye")
    pen.text((45, 206), "(x towards", RED, 11)
    pen.text((45, 219), "the reader)", RED, 11)
    pen.text((165, 312), "camera frame, from the side", size=15)


def draw_pixels(pen: Pen) -> None:
    """Show rows, columns, pixel centres and NDC for an image of four by four."""
    left, top, cell = 85, 60, 44
    for step in range(5):
        offset = step * cell
        pen.line((left, top + offset), (left + 4 * cell, top + offset), FAINT, 1)
        pen.line((left + offset, top), (left + offset, top + 4 * cell), FAINT, 1)
    for row in range(4):
        for column in range(4):
            centre = (left + cell * (column + 0.5), top + cell * (row + 0.5))
            pen.dot(centre, ORANGE if (row, column) == (0, 1) else INK, 3)
        pen.text((left - 26, top + cell * (row + 0.5)), f"row {row}", size=12)
        pen.text((left + cell * (row + 0.5), top - 12), str(row), size=12)
    pen.text((left - 30, top - 12), "column", size=12)
    middle = (left + 2 * cell, top + 2 * cell)
    pen.arrow(middle, (left + 4 * cell + 28, middle[1]), RED)
    pen.text((left + 4 * cell + 28, middle[1] + 14), "x", RED, 15)
    pen.arrow(middle, (middle[0], top - 34), GREEN)
    pen.text((middle[0] + 13, top - 32), "y", GREEN, 15)
    bottom = top + 4 * cell
    pen.text((left, bottom + 13), "x = -1", size=12)
    pen.text((left + 4 * cell, bottom + 13), "x = +1", size=12)
    pen.text((165, bottom + 38), "image[0, 1]: x = -0.25, y = 0.75", ORANGE)
    pen.text((165, 312), "image and NDC", size=15)


def draw_library(pen: Pen, library: Library) -> None:
    """Show the axes of a library's camera from behind, and what it calls the image's corners."""
    eye, plane = (92.0, 195.0), (222.0, 120.0)
    wide, high = 78.0, 55.0
    corners = [
        (plane[0] + wide * x, plane[1] + high * y) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    for corner, following in zip(corners, corners[1:] + corners[:1], strict=True):
        pen.line(eye, corner, FAINT, 1)
        pen.line(corner, following)
    ahead = (0.87, -0.5)
    x, y, z = (70 * sign for sign in library.signs)
    for name, color, (right, up) in (
        ("x", RED, (x, 0.0)),
        ("y", GREEN, (0.0, y)),
        ("z", BLUE, (z * ahead[0], -z * ahead[1])),
    ):
        tip = (eye[0] + right, eye[1] - up)
        pen.arrow(eye, tip, color, 2.5)
        length = math.hypot(right, up)
        pen.text((tip[0] + 12 * right / length, tip[1] - 12 * up / length), name, color, 15)
    pen.dot(eye, INK, 5)
    pen.dot(corners[0], ORANGE)
    pen.dot(corners[2], ORANGE)
    for corner, words, away in (
        (corners[0], library.top_left, 1),
        (corners[2], library.bottom_right, -1),
    ):
        middle = corner[0] + away * 3.3 * len(words)
        pen.text((middle, corner[1] - away * 15), words, ORANGE)
    pen.text((165, 22), library.name, size=15)
    pen.text((165, 312), library.formula, size=14)


def save(name: str, panels: Sequence[Callable[[Pen], None]]) -> None:
    """Write a picture of one panel beside the other."""
    image = Image.new("RGB", (len(panels) * PANEL * SCALE, HEIGHT * SCALE), "white")
    draw = ImageDraw.Draw(image)
    for panel, content in enumerate(panels):
        content(Pen(draw, panel))
    small = image.resize((len(panels) * PANEL, HEIGHT), Image.Resampling.LANCZOS).quantize(64)
    path = Path(__file__).parent / "images" / name
    path.parent.mkdir(exist_ok=True)
    small.save(path, optimize=True)


def main() -> None:
    """Write the pictures."""
    save("conventions.png", (draw_angles, draw_camera, draw_pixels))
    save("cameras.png", [partial(draw_library, library=library) for library in LIBRARIES])


if __name__ == "__main__":
    main()
