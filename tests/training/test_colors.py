"""Vertex colours in training: which view, what moves, what is written, what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nr3d.build import load_trained
from nr3d.cli import main
from nr3d.data import MultiViewBatch
from nr3d.geometry import Mesh, eye_from_angles, icosphere, load_mesh
from nr3d.models import MeshDeformer
from nr3d.renderer import NeuralRenderer, SoftRenderer
from nr3d.training.colors import color_renderer, compare_colors
from nr3d.training.module import LossWeights, ReconstructionModule
from nr3d.training.schedule import Schedule
from nr3d.visualize import PADDING, TITLE_HEIGHT
from tests.training.conftest import IMAGE_SIZE
from tests.training.runs import Train, assert_same_weights, only_run, train_tiny, weights

COLORED = ("model.colors=true", "loss.color=1.0")


@pytest.fixture
def train(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.chdir(tmp_path)
    return partial(train_tiny, tiny_dataset)


def last(name: str) -> Path:
    return only_run(name) / "checkpoints" / "last.ckpt"


def test_each_mesh_is_compared_with_the_next_view() -> None:
    vertices, faces = icosphere(2)
    mesh = Mesh((vertices[None] * 0.5).repeat(2, 1, 1).requires_grad_(), faces)
    eyes = eye_from_angles(2.732, 30.0, torch.tensor([0.0, 90.0]))[None]
    red, blue = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 0.4])
    images = torch.ones(1, 2, 4, 16, 16)
    images[:, 0, :3], images[:, 1, :3] = red[:, None, None], blue[:, None, None]
    colors = torch.stack([blue, red])[:, None].repeat(1, len(vertices), 1).requires_grad_()
    renderer = color_renderer(SoftRenderer(image_size=16, viewing_angle=15.0))
    assert compare_colors(renderer, mesh, colors, images, eyes).item() == pytest.approx(0, abs=1e-6)
    own = compare_colors(renderer, mesh, colors.flip(0), images, eyes)
    assert own.item() == pytest.approx((1.0 + 0.4) / 3)
    own.backward()
    assert mesh.vertices.grad is None
    assert colors.grad is not None and colors.grad.any()


def test_colours_are_seen_by_the_camera_of_any_renderer() -> None:
    renderer = color_renderer(NeuralRenderer(image_size=24, viewing_angle=12.0))
    assert (renderer.image_size, renderer.viewing_angle, renderer.perspective) == (24, 12.0, True)
    with pytest.raises(
        ValueError, match="^color_renderer: renderer must have .* got Identity without image_size"
    ):
        color_renderer(nn.Identity())


def make_module(*, colors: bool) -> ReconstructionModule:
    return ReconstructionModule(
        MeshDeformer(encoder="small", image_size=16, subdivisions=1, colors=colors),
        NeuralRenderer(image_size=16, viewing_angle=15.0),
        weights=LossWeights(color=0.5),
        make_optimizer=lambda groups: torch.optim.SGD(list(groups)),  # type: ignore[arg-type]
        schedule=Schedule(max_steps=1),
    )


def test_training_lowers_the_colour_loss() -> None:
    torch.manual_seed(0)
    images = torch.ones(1, 2, 4, 16, 16)
    images[0, 0, 1:3], images[0, 1, :2] = 0.0, 0.2  # red from one eye, bluish from the other
    eyes = eye_from_angles(2.732, 30.0, torch.tensor([0.0, 90.0]))[None]
    nothing = torch.zeros(1, dtype=torch.int64)
    batch = MultiViewBatch(images, eyes, None, nothing, nothing)
    module = make_module(colors=True)
    optimizer = torch.optim.Adam(module.model.parameters(), lr=0.01)
    found = []
    for _ in range(25):
        optimizer.zero_grad()
        losses = module.compute_losses(batch)
        torch.testing.assert_close(losses["loss"], losses["silhouette"] + 0.5 * losses["color"])
        losses["loss"].backward()
        optimizer.step()
        found.append(losses["color"].item())
    # mean colours, held off 0 and 1 by 0.02, against the other view's: 1.94 / 3 and 1.98 / 3
    assert found[0] == pytest.approx((1.94 + 1.98) / 6, abs=1e-4)
    assert found[-1] < 0.3 * found[0]


def test_shapes_do_not_notice_colours(train: Train) -> None:
    assert train("name=plain", "trainer.max_steps=4") == 0
    assert train("name=color", "trainer.max_steps=4", *COLORED) == 0
    plain, color = weights(only_run("plain")), weights(only_run("color"))
    assert {key for key in color if key not in plain} == {
        key for key in color if key.startswith("model.colors.")
    }
    for key, value in plain.items():
        assert torch.equal(color[key], value), key


def test_colours_resume_and_are_written(train: Train) -> None:
    settings = (*COLORED, "trainer.ema=0.8", "trainer.drop_rate_at=null")
    assert train("name=whole", *settings, "trainer.max_steps=6") == 0
    assert train("name=parts", *settings, "trainer.max_steps=3") == 0
    assert train("name=parts", "resume=last", *settings, "trainer.max_steps=6") == 0
    assert_same_weights(only_run("whole"), only_run("parts"))
    _, module, _ = load_trained(last("whole"))
    with Image.open(only_run("whole") / "images" / "step_0000006.png") as grid:
        num_columns = (grid.width - PADDING) // (IMAGE_SIZE + PADDING)
        first = PADDING + 3 * (IMAGE_SIZE + PADDING)
        cells = np.asarray(grid)[PADDING + TITLE_HEIGHT :, first : first + IMAGE_SIZE].astype(int)
    assert num_columns == 4
    assert (cells.max(axis=-1) - cells.min(axis=-1)).max() > 20  # colours, not grey
    rgba = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 4), dtype=np.uint8)
    rgba[4:12, 3:13] = [200, 60, 30, 255]
    Image.fromarray(rgba).save("photo.png")
    photo = torch.from_numpy(rgba).permute(2, 0, 1)[None] / 255
    expected = module.predict_colors(photo)
    assert expected is not None
    for suffix, tolerance in (("obj", 1e-5), ("glb", 0.5 / 255 + 1e-6), ("ply", 0.5 / 255 + 1e-6)):
        command = ("reconstruct", "photo.png", "-o", suffix, "--checkpoint", str(last("whole")))
        assert main([*command, "--format", suffix]) == 0
        read = load_mesh(Path(suffix, f"photo.{suffix}"))
        assert read.vertex_colors is not None
        torch.testing.assert_close(read.vertex_colors, expected[0].detach(), rtol=0, atol=tolerance)
    sheet = np.asarray(Image.open("obj/photo.png"), dtype=float)
    object_pixels = sheet[sheet.max(axis=-1) - sheet.min(axis=-1) > 40]
    assert len(object_pixels) > 0.05 * sheet[..., 0].size  # grey sheets have the input's only
    assert object_pixels.mean(axis=0).argmax() == 0


def test_checkpoints_of_another_architecture_are_named(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("name=plain", "trainer.max_steps=1") == 0
    assert train("name=color", "trainer.max_steps=1", *COLORED) == 0
    capsys.readouterr()
    _, module, _ = load_trained(last("plain"))
    assert module.predict_colors(torch.zeros(1, 4, IMAGE_SIZE, IMAGE_SIZE)) is None
    assert train("name=new", f"init_from={last('plain')}", *COLORED) == 2
    assert "colors.encoder.convolutions.0.weight missing" in capsys.readouterr().err
    assert train("name=new", f"init_from={last('color')}") == 2
    assert "colors.encoder.convolutions.0.weight unknown" in capsys.readouterr().err


def test_head_and_loss_come_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--print", "loss.color=0.5"]) == 2
    message = "loss.color must be 0 with a model that predicts no colours, got 0.5"
    assert f"error: {message}; set model.colors=true" in capsys.readouterr().err
    assert main(["train", "--print", "model.colors=true"]) == 2
    assert "loss.color must be above 0 with model.colors=true" in capsys.readouterr().err
    with pytest.raises(ValueError, match="^LossWeights: color must be at least 0, got -1.0$"):
        LossWeights(color=-1.0)
    with pytest.raises(ValueError, match=f"^{message}"):
        make_module(colors=False)
