"""What benchmarks/bench_gradients.py makes of its figures, and a fit of two steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.bench_gradients import check_data, write
from benchmarks.gradient_curves import Curve, Section, as_plain, from_plain, join, spread
from benchmarks.gradient_fitting import SILHOUETTE, VOXEL, Fit, Targets
from nr3d.geometry import Mesh, eye_from_angles, icosphere, voxelize
from nr3d.renderer import RENDERERS, NeuralRenderer


def make_section() -> Section:
    """`slow` takes three times as long and gets less far."""
    fast = [Curve([0, 10], {"IoU": [0.0, end]}, {"seed": 0}) for end in (0.5, 0.7)]
    slow = [Curve([0, 10], {"IoU": [0.0, end]}, {"seed": 0}) for end in (0.3, 0.3)]
    times = {"fast": [10.0, 20.0, 10.0], "slow": [30.0, 60.0, 40.0]}
    return Section("steps", {"fast": fast, "slow": slow}, times)


def test_the_same_time_is_the_fastest_ones() -> None:
    section = make_section()
    assert section.step_ratio("slow") == 3
    assert section.steps_in_fixed_time("fast") == 10
    assert section.steps_in_fixed_time("slow") == pytest.approx(10 / 3)
    lines = section.table().splitlines()
    fast = "| `fast` | 0.600 ± 0.141 | 0.600 ± 0.141 | 10 | 10 (10) | 1.00 |"
    slow = "| `slow` | 0.300 ± 0.000 | 0.100 ± 0.000 | 3 | 40 (30) | 3.00 |"
    assert lines[2:] == [fast, slow]
    assert len({line.count("|") for line in lines}) == 1
    assert "IoU after 10 steps | IoU, same time" in lines[0]
    assert spread([0.25]) == "0.250"


def test_all_are_compared_after_the_steps_that_all_have() -> None:
    section = make_section()
    section.curves["slow"].append(Curve([0, 5], {"IoU": [0.0, 0.4]}, {"seed": 1}))
    assert section.last_step() == 5
    assert section.steps_in_fixed_time("fast") == 5
    assert "| `fast` | 0.300 ± 0.071 |" in section.table()


def test_runs_apart_are_joined() -> None:
    whole = make_section()
    halves = [
        Section("steps", {name: [curves[i]] for name, curves in whole.curves.items()}, times)
        for i, times in enumerate(
            ({"fast": [10.0], "slow": [30.0]}, {"fast": [20.0], "slow": [60.0]})
        )
    ]
    other = Section("another", whole.curves, whole.milliseconds)
    first, second = join(from_plain(as_plain(each)) for each in (halves[0], other, halves[1]))
    assert first.curves == whole.curves
    assert first.milliseconds == {"fast": [10.0, 20.0], "slow": [30.0, 60.0]}
    assert second == other


def test_figures_tables_and_plot_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write([make_section()], tmp_path)
    (figures,) = json.loads((tmp_path / "gradients.json").read_text())
    assert figures["curves"]["slow"][0]["steps"] == [0, 10]
    assert (
        (tmp_path / "gradients.md")
        .read_text()
        .startswith("steps:\n\n| gradient | IoU after 10 steps |")
    )
    assert (tmp_path / "gradients.png").stat().st_size > 1000


@pytest.mark.parametrize("name", RENDERERS)
def test_fits_come_nearer(name: str) -> None:
    sphere, faces = icosphere(2)
    eyes = eye_from_angles(2.732, 30.0, torch.tensor([[0.0, 120.0, 240.0]]))
    mesh = Mesh(0.35 * sphere[None], faces)
    camera = NeuralRenderer(image_size=32, viewing_angle=15.0)
    voxels = voxelize(mesh.vertices, faces, resolution=16)
    targets = Targets(camera.silhouettes(mesh, eyes), eyes, voxels, 15.0, ("sphere",))
    curve = Fit(name, targets, subdivisions=1, rate=0.01, laplacian=0.3).run(8, [0, 8])
    for score in (SILHOUETTE, VOXEL):
        assert curve.scores[score][1] > curve.scores[score][0] + 0.1
    assert curve.at(SILHOUETTE, 4) == pytest.approx(sum(curve.scores[SILHOUETTE]) / 2)


def test_a_missing_dataset_is_named_with_its_recipe() -> None:
    message = "bench_gradients: no.h5 not found; build it: apt-get install sweethome3d-furniture"
    with pytest.raises(FileNotFoundError, match=message):
        check_data(Path("no.h5"), "furniture")
