"""Scores of silhouettes and occupancy grids, and the dataset's frame."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nr3d.metrics import from_nmr_frame, silhouette_iou, to_nmr_frame, voxel_iou

Truth = Callable[[str], dict[str, np.ndarray]]


def grids(recorded: dict[str, np.ndarray], name: str) -> Tensor:
    shape = tuple(recorded["shape"])
    bits = np.unpackbits(recorded[name])[: math.prod(shape)]
    return torch.from_numpy(bits.reshape(shape).astype(bool))


def test_iou_and_frame_equal_the_recorded_ones(truth: Truth) -> None:
    recorded = truth("aux_voxelization")
    filled, oriented = grids(recorded, "filled"), grids(recorded, "dataset_oriented")
    assert torch.equal(to_nmr_frame(filled), oriented)
    assert torch.equal(from_nmr_frame(oriented), filled)
    iou = voxel_iou(filled, filled.roll(1, dims=0))
    torch.testing.assert_close(iou, torch.from_numpy(recorded["iou_with_rolled"]).float())


def test_silhouette_iou_equals_the_recorded_one(truth: Truth) -> None:
    recorded = truth("aux_decoder_losses")
    predicted, target = (torch.from_numpy(recorded[f"iou_{name}"]) for name in ("pred", "target"))
    expected = torch.from_numpy(recorded["iou_per_sample"])
    torch.testing.assert_close(silhouette_iou(predicted, target), expected)


def test_frame_puts_x_y_z_at_y_x_reversed_z() -> None:
    voxels = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    voxels[0, 1, 2, 3] = True
    assert to_nmr_frame(voxels).nonzero().tolist() == [[0, 2, 1, 4]]
    anything = torch.rand(2, 5, 5, 5)
    assert torch.equal(from_nmr_frame(to_nmr_frame(anything)), anything)


def test_iou_of_known_overlaps() -> None:
    a, b = torch.zeros(3, 4, 4, 4, dtype=torch.bool), torch.zeros(3, 4, 4, 4, dtype=torch.bool)
    a[0, 0], b[0, :2] = True, True
    a[1, 0], b[1, 1] = True, True
    assert voxel_iou(a, b).tolist() == [0.5, 0.0, 1.0]  # the last two grids are empty
    assert silhouette_iou(a[:, 0], b[:, 0]).tolist() == [1.0, 0.0, 1.0]


def test_one_empty_side_scores_zero_and_none_one() -> None:
    empty, full = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    assert silhouette_iou(empty, full).item() == 0.0
    assert silhouette_iou(empty, empty).item() == 1.0
    assert voxel_iou(torch.zeros(0, 4, 4, 4).bool(), torch.zeros(0, 4, 4, 4).bool()).shape == (0,)


def test_half_precision_is_summed_in_float32() -> None:
    image = torch.full((1, 512, 512), 0.5)
    half = silhouette_iou(image.half(), image.half())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, silhouette_iou(image, image))


GRID = torch.zeros(2, 4, 4, 4, dtype=torch.bool)
IMAGE = torch.zeros(2, 4, 4)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: voxel_iou(GRID, GRID[:1]),
            ValueError,
            r"voxel_iou: target must have shape \[2, 4, 4, 4\], got \[1, 4, 4, 4\]",
        ),
        (
            lambda: voxel_iou(GRID.float(), GRID),
            TypeError,
            "voxel_iou: predicted must be bool, got float32",
        ),
        (
            lambda: voxel_iou([1], GRID),
            TypeError,
            "voxel_iou: predicted must be a tensor, got list",
        ),
        (
            lambda: silhouette_iou(IMAGE, IMAGE[0]),
            ValueError,
            r"silhouette_iou: target must have shape \[2, 4, 4\], got \[4, 4\]",
        ),
        (
            lambda: silhouette_iou(IMAGE.long(), IMAGE),
            TypeError,
            "silhouette_iou: predicted must be .*, got int64",
        ),
        (
            lambda: to_nmr_frame(GRID[:, :3]),
            ValueError,
            r"to_nmr_frame: voxels must have shape \[B, R, R, R\], got \[2, 3, 4, 4\]",
        ),
        (
            lambda: from_nmr_frame(GRID[0]),
            ValueError,
            r"from_nmr_frame: voxels must have shape \[B, R, R, R\], got \[4, 4, 4\]",
        ),
        (
            lambda: to_nmr_frame([0]),
            TypeError,
            "to_nmr_frame: voxels must be a tensor, got list",
        ),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Tensor], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()
