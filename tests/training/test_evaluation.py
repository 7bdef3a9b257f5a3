"""The report of an evaluation, where every score is known."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from nr3d.data.datamodule import MultiViewDataModule
from nr3d.data.format import Header, ObjectRecord
from nr3d.data.writer import write_dataset
from nr3d.geometry import Mesh, eye_from_angles, icosphere, voxelize
from nr3d.geometry.sampling import sample_surface
from nr3d.renderer import NeuralRenderer
from nr3d.training.evaluation import evaluate
from nr3d.training.fingerprints import hash_of_file, hash_of_names
from nr3d.training.report_files import print_report, write_report
from nr3d.training.scorers import unseen_mean
from nr3d.training.surface_scorer import spread_views
from tests.training.conftest import write_tiny_dataset

RADII = {"train": (0.25, 0.35, 0.45), "test": (0.35, 0.4)}
NUM_POINTS = 2000
SPHERE, FACES = icosphere(3)


def ball(name: str, split: int, radius: float, *, with_surface: bool = True) -> ObjectRecord:
    """Give a sphere seen from four sides; its radius is also the red of its images."""
    vertices = radius * SPHERE[None]
    eyes = eye_from_angles(2.732, 30.0, torch.arange(0.0, 360.0, 90.0))
    silhouettes = NeuralRenderer(image_size=32, viewing_angle=15).silhouettes(
        Mesh(vertices, FACES), eyes[None]
    )[0]
    images = torch.zeros(4, 4, 32, 32)
    images[:, 0], images[:, 3] = 100 * radius / 255, silhouettes
    drawn = sample_surface(vertices, FACES, num_points=NUM_POINTS)
    return ObjectRecord(
        id=name,
        category=int(radius > 0.37),
        split=split,
        images=(255 * images).round().byte().numpy(),
        eyes=eyes.numpy(),
        voxels=voxelize(vertices, FACES)[0].numpy(),
        flags=int(name == "test-1"),
        points=drawn.points[0].half().numpy() if with_surface else None,
        normals=drawn.normals[0].half().numpy() if with_surface else None,
    )


def predict(images: Tensor) -> Mesh:
    """Give the sphere with the radius that the image tells."""
    radii = images[:, 0].amax(dim=(1, 2)) * 255 / 100
    return Mesh(radii[:, None, None] * SPHERE, FACES)


@pytest.fixture(scope="module")
def records() -> list[ObjectRecord]:
    return [
        ball(f"{split}-{number}", code, radius)
        for code, split in ((0, "train"), (2, "test"))
        for number, radius in enumerate(RADII[split])
    ]


def write(path: Path, records: list[ObjectRecord]) -> MultiViewDataModule:
    header = Header(
        categories=("small", "large"), viewing_angle=15.0, source="", licence="", recipe=""
    )
    write_dataset(path, header=header, records=records)
    return MultiViewDataModule(path=str(path), eval_batch_size=1)


def test_every_metric_of_a_perfect_model_and_of_the_baselines(
    records: list[ObjectRecord], tmp_path: Path
) -> None:
    report = evaluate(predict, write(tmp_path / "balls.h5", records), split="test")
    assert report.notes == [] and report.num_surface_views == 4
    names = [protocol.name for protocol in report.protocols.values()]
    assert names[:3] == ["nmr-voxel32", "silhouette32-unseen", "surface2000-chamfer-l1"]
    assert report.mean("voxel_iou", "model") == 1.0
    assert report.mean("silhouette_iou", "model") > 0.99  # stored coverage is rounded
    best = report.mean("chamfer_l1", "resampled_truth")
    assert report.mean("chamfer_l1", "model") == pytest.approx(best, rel=0.05)
    assert report.mean("normal_consistency", "model") > 0.99
    nearest = report.scores["voxel_iou"]["nearest"].categories
    assert nearest["small"] == 1.0 and nearest["large"] < 0.9  # 0.35 is there, 0.4 is not
    assert report.scores["silhouette_iou"]["nearest"].categories["small"] == 1.0
    sphere = report.scores["chamfer_l1"]["sphere"].categories
    assert sphere["small"] == pytest.approx(0.1, rel=0.05)  # of radius 0.25
    assert sphere["large"] == pytest.approx(0.15, rel=0.05)
    assert "mean_shape" not in report.scores["chamfer_l1"]
    assert "mean_shape" in report.scores["voxel_iou"]


def test_means_are_of_categories_of_objects_and_without_hollow_ones(
    records: list[ObjectRecord], tmp_path: Path
) -> None:
    more = [replace(ball("test-2", 2, 0.3), category=0), replace(records[-2], id="test-3")]
    data = write(tmp_path / "balls.h5", [*records, *more])
    report = evaluate(predict, data, split="test", metrics=["voxel"])
    assert set(report.scores) == {"voxel_iou"} and report.num_surface_views == 0
    sphere, objects = report.scores["voxel_iou"]["sphere"], report.objects
    values = dict(zip(objects.ids, objects.scores["voxel_iou/sphere"], strict=True))
    small = [values[name] for name in ("test-0", "test-2", "test-3")]
    large = values["test-1"]
    assert sphere.categories == pytest.approx({"small": np.mean(small), "large": large})
    assert sphere.mean_of_categories == pytest.approx((np.mean(small) + large) / 2)
    assert sphere.mean_of_objects == pytest.approx((sum(small) + large) / 4)
    assert sphere.mean_without_hollow == pytest.approx(np.mean(small))  # test-1 is flagged
    assert report.num_hollow == 1 and objects.hollow == [False, True, False, False]


def test_files_and_tables_say_the_same(records: list[ObjectRecord], tmp_path: Path) -> None:
    data = write(tmp_path / "balls.h5", records)
    report = evaluate(predict, data, split="test", checkpoint="x.ckpt", checkpoint_hash="ab" * 32)
    paths = write_report(report, tmp_path)
    assert [path.name for path in paths] == [
        "report.json",
        "report.csv",
        "report.md",
        "report-objects.csv",
    ]
    content = json.loads(paths[0].read_text())
    assert content["split_hash"] == hashlib.sha256(b"test-0\ntest-1\n").hexdigest()
    assert content["checkpoint_hash"] == "ab" * 32
    assert content["protocols"]["chamfer_l2"]["name"] == "surface2000-chamfer-l2"
    with paths[1].open() as file:
        rows = {(row["metric"], row["method"], row["over"]): row for row in csv.DictReader(file)}
    for metric, methods in content["scores"].items():
        for method, summary in methods.items():
            row = rows[metric, method, "mean of categories"]
            assert float(row["value"]) == pytest.approx(summary["mean_of_categories"], rel=1e-5)
            assert row["protocol"] == content["protocols"][metric]["name"]
    with paths[3].open() as file:
        objects = list(csv.DictReader(file))
    assert [row["id"] for row in objects] == ["test-0", "test-1"]
    assert float(objects[0]["voxel_iou/model"]) == 1.0
    console = Console(width=120, record=True, file=io.StringIO())
    print_report(report, console)
    shown, written = console.export_text(), paths[2].read_text()
    for text in (shown, written):
        for word in (
            "nmr-voxel32",
            "resampled truth",
            "mean of objects",
            "without hollow",
            "Chamfer",
        ):
            assert word in text
        assert content["split_hash"][:12] in text and "abababababab" in text
        assert f"{100 * report.mean('chamfer_l1', 'model'):.2f}" in text
    assert content["split_hash"] in written


def test_what_cannot_be_computed_is_said_or_refused(tmp_path: Path) -> None:
    data = MultiViewDataModule(path=str(write_tiny_dataset(tmp_path / "old.h5")))
    report = evaluate(predict, data, split="test")
    assert set(report.scores) == {"voxel_iou", "silhouette_iou"}
    (note,) = report.notes
    assert "old.h5 must have surface points for Chamfer distances, F-scores" in note
    bare = write_tiny_dataset(tmp_path / "bare.h5", with_voxels=False)
    without = MultiViewDataModule(path=str(bare))
    report = evaluate(predict, without, split="test")
    assert set(report.scores) == {"silhouette_iou"}
    assert "bare.h5 must have voxels for voxel IoU, got none; build it with" in report.notes[0]
    print_report(report, Console(file=io.StringIO()))
    with pytest.raises(ValueError, match="evaluate: dataset .*bare.h5 must have voxels for voxel"):
        evaluate(predict, without, split="test", metrics=["voxel"])
    with pytest.raises(ValueError, match="evaluate: dataset .*old.h5 must have surface points"):
        evaluate(predict, data, split="test", metrics=["voxel", "surface"])
    with pytest.raises(ValueError, match="metrics must be one of voxel, .*, got 'voxels'; did you"):
        evaluate(predict, data, split="test", metrics=["voxels"])
    with pytest.raises(ValueError, match="metrics must name each once, got voxel, voxel"):
        evaluate(predict, data, split="test", metrics=["voxel", "voxel"])
    with pytest.raises(ValueError, match="metrics must be one or more of voxel, .*, got none"):
        evaluate(predict, data, split="test", metrics=[])
    with pytest.raises(ValueError, match="surface_views must be at least 1, got 0"):
        evaluate(predict, data, split="test", surface_views=0)


def test_one_view_has_no_unseen_one_and_other_eyes_no_stored_neighbours(
    records: list[ObjectRecord], tmp_path: Path
) -> None:
    single = [replace(each, images=each.images[:1], eyes=each.eyes[:1]) for each in records]
    report = evaluate(predict, write(tmp_path / "one.h5", single), split="test")
    assert "silhouette_iou" not in report.scores
    assert "must have two views for unseen silhouettes, got 1" in report.notes[0]
    turned = [replace(each, eyes=np.roll(each.eyes, row, 0)) for row, each in enumerate(records)]
    report = evaluate(
        predict, write(tmp_path / "eyes.h5", turned), split="test", metrics=["silhouette"]
    )
    assert set(report.scores["silhouette_iou"]) == {"model", "sphere"}


def test_input_views_of_surfaces_are_spread_and_differ_between_objects() -> None:
    chosen = [spread_views(f"object {number}", 24, 4) for number in range(200)]
    assert all((np.diff(np.sort(views)) == 6).all() for views in chosen)
    counts = np.bincount(np.concatenate(chosen), minlength=24)
    assert counts.min() > 15  # 33 on average
    assert (spread_views("x", 24, 4) == spread_views("x", 24, 4)).all()
    assert sorted(spread_views("x", 3, 3).tolist()) == [0, 1, 2]


def test_the_input_view_does_not_count() -> None:
    scores = torch.tensor([[[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]]])
    assert unseen_mean(scores).tolist() == [3.5]


def test_hashes(tmp_path: Path) -> None:
    assert hash_of_names(["b", "é", "a"]) == hash_of_names(["é", "a", "b"])
    assert hash_of_names(["a", "b"]) == hashlib.sha256(b"a\nb\n").hexdigest()
    assert hash_of_names(["ab"]) != hash_of_names(["a", "b"])
    (tmp_path / "weights").write_bytes(b"12" * 1_000_000)
    expected = hashlib.sha256(b"12" * 1_000_000).hexdigest()
    assert hash_of_file(tmp_path / "weights") == expected
