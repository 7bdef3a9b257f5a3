"""Count what a source holds, class by class, beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from nr3d.data.synsets import PUBLISHED

MAX_REPORTED = 5


@dataclass
class Count:
    """What there is of one class.

    Attributes:
        synset: Its number.
        name: Its name.
        objects: Objects.
        images: Images of them.
        voxels: Grids or meshes of them.
        problems: What is wrong.
    """

    synset: str
    name: str
    objects: int = 0
    images: int = 0
    voxels: int = 0
    problems: list[str] = field(default_factory=list)


def report_source(counts: Sequence[Count], *, title: str, against: bool = True) -> None:
    """Print the counts of a source.

    Args:
        counts: One for each class.
        title: Of the table.
        against: Whether the source has to hold as many objects as were published.

    Raises:
        ValueError: Something is wrong; the message names the first of it.
    """
    table = Table(title=title)
    for heading in ("synset", "class"):
        table.add_column(heading)
    for heading in ("objects", "published", "images", "voxels"):
        table.add_column(heading, justify="right")
    problems = [f"{each.name}: {problem}" for each in counts for problem in each.problems]
    for each in counts:
        published = PUBLISHED.get(each.synset)
        shown = "" if published is None or not against else str(published)
        cells = (str(each.objects), shown, str(each.images), str(each.voxels))
        table.add_row(each.synset, each.name, *cells)
        if shown and each.objects != published:
            problems.append(f"{each.name}: {published} objects were published, got {each.objects}")
    Console().print(table)
    if problems:
        raise ValueError(
            f"source {title} must be whole, got {len(problems)} problems: "
            f"{'; '.join(problems[:MAX_REPORTED])}; download or unpack it again"
        )
