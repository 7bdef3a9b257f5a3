"""Reports as files (JSON, CSV, Markdown) and as tables on the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from nr3d.training.checkpoints import write_atomically
from nr3d.training.protocols import METHODS, METRICS
from nr3d.training.report import Report, Summary

SHOWN_OF_A_HASH = 12


def write_report(report: Report, folder: Path, *, name: str = "report") -> list[Path]:
    """Write NAME.json, .csv and .md, and NAME-objects.csv with a row per object, into `folder`."""
    content = asdict(report)
    del content["objects"]
    contents = {
        f"{name}.json": json.dumps(content, indent=2) + "\n",
        f"{name}.csv": _to_csv(report),
        f"{name}.md": _to_markdown(report),
        f"{name}-objects.csv": _objects_to_csv(report),
    }
    for file, text in contents.items():
        write_atomically(folder / file, text.encode("utf-8"))
    return [folder / file for file in contents]


def print_report(report: Report, console: Console) -> None:
    """Print the tables of a report, and what was scored."""
    for content in _contents(report):
        table = Table(title=content.title, box=box.SIMPLE, padding=(0, 0, 0, 1), pad_edge=False)
        for number, heading in enumerate(content.header):
            table.add_column(heading, justify="right" if number else "left", no_wrap=not number)
        for section, style in ((content.rows, ""), (content.means, "bold"), (content.others, "")):
            for row in section:
                table.add_row(*row, style=style or None)
            table.add_section()
        console.print(table)
    for line in _facts(report):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


@dataclass(frozen=True)
class _Content:
    """Texts of one table: categories, their means, and other methods below."""

    title: str
    header: list[str]
    rows: list[list[str]]
    means: list[list[str]]
    others: list[list[str]]


def _contents(report: Report) -> list[_Content]:
    """Give the table of voxel IoU by method, and that of the model's other metrics."""
    tables = []
    if "voxel_iou" in report.scores:
        tables.append(_by_method(report, "voxel_iou"))
    others = [metric for metric in report.scores if metric != "voxel_iou"]
    if others:
        tables.append(_of_model(report, others))
    return tables


def _by_method(report: Report, metric: str) -> _Content:
    scores = report.scores[metric]
    rows, means = _rows(report, [(metric, summary) for summary in scores.values()])
    return _Content(
        f"{METRICS[metric].heading}, {report.protocols[metric].name}, {report.split} split",
        ["category", "objects", *(_plain(method) for method in scores)],
        rows,
        means,
        [],
    )


def _of_model(report: Report, metrics: Sequence[str]) -> _Content:
    rows, means = _rows(report, [(metric, report.scores[metric]["model"]) for metric in metrics])
    others = []
    for method in METHODS:
        if method == "model" or not any(method in report.scores[metric] for metric in metrics):
            continue
        cells = [
            format_score(metric, report.mean(metric, method))
            if method in report.scores[metric]
            else "–"
            for metric in metrics
        ]
        others.append([_plain(method), *cells])
    return _Content(
        f"model, {report.split} split; last: means of categories of other methods",
        ["category", *(METRICS[metric].heading for metric in metrics)],
        [[row[0], *row[2:]] for row in rows],
        [[row[0], *row[2:]] for row in means],
        others,
    )


def _rows(
    report: Report, columns: Sequence[tuple[str, Summary]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Give a row per category and those of the means; a column is a metric and its scores."""
    rows = [
        [
            name,
            str(count),
            *(format_score(metric, each.categories[name]) for metric, each in columns),
        ]
        for name, count in report.num_objects.items()
    ]
    total = sum(report.num_objects.values())
    means = [
        ("mean of categories", total, [each.mean_of_categories for _, each in columns]),
        ("mean of objects", total, [each.mean_of_objects for _, each in columns]),
    ]
    solid = [each.mean_without_hollow for _, each in columns]
    if 0 < report.num_hollow < total:
        means.append(
            (
                "without hollow",
                total - report.num_hollow,
                [value for value in solid if value is not None],
            )
        )
    names = [metric for metric, _ in columns]
    return rows, [
        [label, str(count), *map(format_score, names, values)] for label, count, values in means
    ]


def format_score(metric: str, value: float) -> str:
    """Write a score as tables show it, in the unit that its heading names."""
    scaled = value * METRICS[metric].scale
    if METRICS[metric].scale != 1:
        return f"{scaled:.2f}"
    return f"{scaled:.4f}" if METRICS[metric].group == "voxel" else f"{scaled:.3f}"


def _plain(method: str) -> str:
    return method.replace("_", " ")


def _facts(report: Report, *, whole_hashes: bool = False) -> list[str]:
    """Say what was scored."""
    shown = None if whole_hashes else SHOWN_OF_A_HASH
    facts = [
        f"{report.split} split of {report.dataset}: {sum(report.num_objects.values())} objects "
        f"({report.num_hollow} hollow), {report.num_views} views each, "
        f"split hash {report.split_hash[:shown]}",
        f"{report.checkpoint} at step {report.step}, "
        f"checkpoint hash {report.checkpoint_hash[:shown]}",
    ]
    if report.num_surface_views:
        facts.append(
            f"Chamfer distances, F-scores and normals: {report.num_surface_views} views per object"
        )
    return facts + [f"not computed: {note}" for note in report.notes]


def _to_csv(report: Report) -> str:
    """Write one number per row."""
    rows: list[list[object]] = [["metric", "protocol", "method", "over", "objects", "value"]]
    total = sum(report.num_objects.values())
    for metric, methods in report.scores.items():
        for method, summary in methods.items():
            start = [metric, report.protocols[metric].name, method]
            rows += [
                [*start, name, report.num_objects[name], f"{value:.6g}"]
                for name, value in summary.categories.items()
            ]
            rows.append([*start, "mean of categories", total, f"{summary.mean_of_categories:.6g}"])
            rows.append([*start, "mean of objects", total, f"{summary.mean_of_objects:.6g}"])
            if summary.mean_without_hollow is not None:
                rows.append(
                    [
                        *start,
                        "mean of categories without hollow objects",
                        total - report.num_hollow,
                        f"{summary.mean_without_hollow:.6g}",
                    ]
                )
    return _csv(rows)


def _objects_to_csv(report: Report) -> str:
    objects = report.objects
    rows = zip(
        objects.ids,
        objects.categories,
        map(int, objects.hollow),
        *([f"{value:.6g}" for value in values] for values in objects.scores.values()),
        strict=True,
    )
    return _csv([["id", "category", "hollow", *objects.scores], *rows])


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _to_markdown(report: Report) -> str:
    lines = [f"- {fact}" for fact in _facts(report, whole_hashes=True)]
    for table in _contents(report):
        lines += ["", f"**{table.title[0].upper()}{table.title[1:]}**", ""]
        lines += [
            "| " + " | ".join(table.header) + " |",
            "|---|" + "---:|" * (len(table.header) - 1),
        ]
        lines += [f"| {' | '.join(row)} |" for row in table.rows]
        lines += [f"| **{'** | **'.join(row)}** |" for row in table.means]
        lines += [f"| {' | '.join(row)} |" for row in table.others]
    lines += ["", "**Protocols**", ""]
    lines += [f"- `{each.name}`: {each.definition}" for each in report.protocols.values()]
    methods = {method for scores in report.scores.values() for method in scores}
    lines += [f"- *{_plain(name)}*: {text}." for name, text in METHODS.items() if name in methods]
    return "\n".join(lines) + "\n"
