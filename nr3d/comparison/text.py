"""What the comparison says, in words, with the numbers of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nr3d.comparison.tables import Row

INTRODUCTION = """\
# Gradients of one pixel, side by side

Made by `nr3d compare-gradients`; the numbers are in [gradients.csv](gradients.csv), what each
gradient is and when to use it in docs/gradients.md.

Kato et al. published such pictures to show how Neural Renderer's gradient differs from OpenDR's.
These are made again with nr3d's own renderers, and the other gradients that it has stand beside
them.
"""

SETUP = """\
## What is drawn

A white triangle on black, 16 x 16 pixels. Its corners are T (-.5, .5), L (-.5, -.5) and R (.5,
-.5) in normalised device coordinates, y up: rows 4 to 11, row r from column 4 to column r. The
long side runs through pixel centres, which count as covered. One pixel in row 8 has a loss: its
value (sign +1, blue: it should be darker) or minus its value (sign -1, red: it should be
brighter). Columns 2 and 3 lie outside, 4 is the first one inside, 5 the next. Each picture shows
the image as its renderer draws it. A green arrow shows where a step down the gradient moves the
corner it starts at: its shaft is 15 pixels of the picture long for a gradient of 1, on which the
head is put. There is none below .01.

![All pictures](contact_sheet.png)
"""

MESSAGE = """\
## What they show

- **opendr** sees one column, that of the first pixel inside. In columns 2 and 3 it has nothing to
  say, however much brighter they should be: they show no face that could move. It does not ask
  whether the loss can fall either: with sign -1 the pixel of column 4 is white already, and still
  T and L move to the left.
- **kato** reaches as far as the row goes, and the farther a pixel the weaker its pull: column 2
  should be brighter and pulls T and L towards it, with a third of the force of column 3. It pulls
  only where the loss can fall: never at a black pixel that should be darker or at a white one
  that should be brighter.
"""

OTHERS = {
    "soft": """\
- **soft** is the derivative of an image that is blurred (sigma 1e-2 here): all four pixels feel
  the edge, both signs are mirror images, and the reach ends where the blur does.
""",
    "antialias": """\
- **antialias** is the derivative of blended outlines, so a pixel feels an edge that passes
  between it and its neighbour. The left side passes exactly between columns 3 and 4; there the
  pixel outside is the one that changes, hence column 3 pulls and column 4 does not. The long side
  runs through pixel centres at 45 degrees, where both the pair on the row and that in the column
  blend by a half: the pixels on it are black in the picture, an effect of this triangle.
""",
}

RIGHT_CORNER = """\
## The small arrow at R

The pictures that Kato et al. published show no arrow at R; ours show a small one with kato, sign
+1, columns 4 and 5. The long side is the cause: in row 8 it passes exactly through the centre of
column 8. A pixel left of it that should be darker pulls at this side too: it would have to move 4
or 3 pixels to the left to uncover the target. In the kernel that the authors released that pull
counts, and by its lever part of it lands on R and part on T. In the older pictures a crossing
that falls on a pixel centre counted for nothing. We match the released kernel, to 1e-3 in every
number.

OpenDR's pictures show arrows of (4, 0) at T and L and none at R: there the camera is half a pixel
off and weights are those on the drawn line. With the weights of the pixel's centre, T gets 3.5, L
gets 4 and R gets .5; the sum is the same.
"""


def write_page(path: Path, rows: Sequence[Row]) -> None:
    """Write the page about the rows of all methods."""
    methods = list(dict.fromkeys(row.method for row in rows))
    message = MESSAGE + "".join(OTHERS.get(method, "") for method in methods)
    parts = (INTRODUCTION, SETUP, message, _numbers(rows), RIGHT_CORNER)
    path.write_text("\n".join(parts), encoding="utf-8")


def _numbers(rows: Sequence[Row]) -> str:
    """Make a table with a line for each picture."""
    lines = [
        "## The numbers\n",
        "Minus the gradient, in units of loss per unit of normalised device coordinates; x to the\n"
        "right, y up.\n",
        "| picture | T | L | R |",
        "|---|---|---|---|",
    ]
    pictures: dict[str, list[str]] = {}
    for row in rows:
        name = f"{row.method}_{row.sign}_{row.row}_{row.column}"
        is_none = max(abs(row.x), abs(row.y)) < 5e-4
        pictures.setdefault(name, []).append("0" if is_none else f"({row.x:.3f}, {row.y:.3f})")
    lines += [
        f"| [{name}]({name}.png) | {' | '.join(arrows)} |" for name, arrows in pictures.items()
    ]
    return "\n".join(lines) + "\n"
