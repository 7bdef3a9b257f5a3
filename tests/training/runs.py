"""Short trainings on the tiny dataset, and what they left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from nr3d.cli import main
from tests.training.conftest import IMAGE_SIZE

Train = Callable[..., int]


def train_tiny(dataset: Path, *arguments: str) -> int:
    """Train for six steps unless told otherwise."""
    settings = [
        f"dataset.path={dataset}",
        f"renderer.image_size={IMAGE_SIZE}",
        "dataset.batch_size=2",
        "trainer.max_steps=6",
        "trainer.validate_every=3",
        "trainer.log_every=1",
        "trainer.drop_rate_at=0.5",
        "trainer.accelerator=cpu",
    ]
    return main(["train", *settings, *arguments])


def only_run(name: str = "default") -> Path:
    (run,) = Path("runs", name).iterdir()
    return run


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.ckpt")["state_dict"]
    return state


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
