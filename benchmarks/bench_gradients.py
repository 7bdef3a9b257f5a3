"""Compare what the gradients of the renderers are worth: quality by steps, by time, and speed.

Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.bench_gradients -o DIR [--parts fitting ...]

fitting    Spheres fitted to 24 views of the first test object of each category of real furniture.
           Needs data/furniture.h5: apt-get install sweethome3d-furniture
           nr3d dataset build furniture -o data/furniture.h5
           The rate and the weight of the Laplacian are chosen for each gradient on other objects.
embedded   `python train.py renderer=X` with three seeds: the mean and the standard deviation.
           Needs data/synthetic.h5: nr3d dataset build synthetic -o data/synthetic.h5
furniture  `python train.py furniture renderer=X` with one seed; needs data/furniture.h5.

Everything else is equal for all: start, weights, batches, loss. Training keeps the rate constant,
so that scores on the way are comparable, and stops after --minutes. Steps are timed apart, the
gradients taking turns; the same time is that which the fastest takes for the steps that all have.
Writes gradients.json, gradients.png and gradients.md. All of it takes hours on two cores: --steps,
--train-steps, --furniture-steps and --seeds shorten it, and --join FILE.json ... puts together what
several runs wrote, without running anything.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from nr3d.renderer import RENDERERS

from .gradient_curves import Section, as_plain, from_plain, join, plot
from .gradient_fitting import compare_fitting
from .gradient_training import compare_training

PARTS = ("fitting", "embedded", "furniture")
DATA = {
    "furniture": (
        "apt-get install sweethome3d-furniture; nr3d dataset build furniture -o data/furniture.h5"
    ),
    "synthetic": "nr3d dataset build synthetic -o data/synthetic.h5",
}


def check_data(path: Path, recipe: str) -> Path:
    """Say how to build a dataset that is missing."""
    if not path.is_file():
        raise FileNotFoundError(f"bench_gradients: {path} not found; build it: {DATA[recipe]}")
    return path


def compare(arguments: argparse.Namespace) -> Iterator[Section]:
    """Run the parts that were asked for."""
    if {"fitting", "furniture"} & set(arguments.parts):
        check_data(arguments.furniture, "furniture")
    if "embedded" in arguments.parts:
        check_data(arguments.synthetic, "synthetic")
    names = arguments.gradients
    if "fitting" in arguments.parts:
        for subdivisions in arguments.subdivisions:
            yield compare_fitting(
                arguments.furniture,
                names,
                subdivisions=subdivisions,
                steps=arguments.steps,
                tune_steps=arguments.tune_steps,
                num_objects=arguments.objects,
                rounds=arguments.rounds,
            )
    budget = {"minutes": arguments.minutes, "rounds": arguments.rounds}
    if "embedded" in arguments.parts:
        yield compare_training(
            "default",
            names,
            seeds=arguments.seeds,
            steps=arguments.train_steps,
            overrides=[*arguments.override, f"dataset.path={arguments.synthetic}"],
            **budget,
        )
    if "furniture" in arguments.parts:
        yield compare_training(
            "furniture",
            names,
            seeds=[0],
            steps=arguments.furniture_steps,
            overrides=[*arguments.override, f"dataset.path={arguments.furniture}"],
            **budget,
        )


def write(sections: list[Section], folder: Path) -> None:
    """Write the figures, the plot and the tables of all sections so far."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = [as_plain(section) for section in sections]
    (folder / "gradients.json").write_text(json.dumps(figures, indent=1) + "\n")
    text = "\n\n".join(f"{section.title}:\n\n{section.table()}" for section in sections)
    (folder / "gradients.md").write_text(text + "\n")
    plot(sections, folder / "gradients.png")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("gradients"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--gradients", nargs="+", choices=RENDERERS, default=list(RENDERERS))
    parser.add_argument("--furniture", type=Path, default=Path("data/furniture.h5"))
    parser.add_argument("--synthetic", type=Path, default=Path("data/synthetic.h5"))
    parser.add_argument("--objects", type=int, default=12, help="fitted, at most one a category")
    parser.add_argument("--subdivisions", type=int, nargs="+", default=[3, 2], help="of the sphere")
    parser.add_argument("--steps", type=int, default=200, help="of fitting")
    parser.add_argument("--tune-steps", type=int, default=60, help="of each trial setting")
    parser.add_argument("--train-steps", type=int, help="the experiment's own when absent")
    parser.add_argument("--furniture-steps", type=int, help="likewise")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of embedded")
    parser.add_argument("--override", nargs="+", default=[], help="key=value of both trainings")
    parser.add_argument("--minutes", type=float, default=5.0, help="at most, of each training")
    parser.add_argument("--rounds", type=int, default=11, help="of timed steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--join", type=Path, nargs="+", metavar="JSON", help="only put together")
    return parser.parse_args()


def main() -> None:
    """Run the comparison, and write what there is after each part of it."""
    arguments = parse()
    if arguments.join:
        found = [json.loads(path.read_text()) for path in arguments.join]
        write(join(from_plain(each) for figures in found for each in figures), arguments.output)
        return
    torch.set_num_threads(arguments.threads)
    sections: list[Section] = []
    for section in compare(arguments):
        sections.append(section)
        print(f"\n{section.title}:\n\n{section.table()}\n", flush=True)
        write(sections, arguments.output)


if __name__ == "__main__":
    main()
