"""Runs that go on: what they take from the command line, and softras2019 as if never stopped."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training.runs import Train, assert_same_weights, only_run, train_tiny, weights


@pytest.fixture
def train(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.chdir(tmp_path)
    return partial(train_tiny, tiny_dataset)


def test_the_optimizer_is_set_anew(train: Train) -> None:
    assert train("trainer.max_steps=2", "trainer.validate_every=2") == 0
    before = weights(only_run())
    assert train("resume=last", "trainer.max_steps=3", "optimizer.lr=0.0") == 0
    last = torch.load(only_run() / "checkpoints" / "last.ckpt")
    assert last["global_step"] == 3
    for key, value in before.items():
        assert torch.equal(last["state_dict"][key], value), key


def test_keys_are_those_of_the_run(train: Train) -> None:
    assert train("renderer=soft", "trainer.max_steps=1") == 0
    assert train("resume=last", "renderer.sigma=2.0e-5", "trainer.max_steps=2") == 0
    last = torch.load(only_run() / "checkpoints" / "last.ckpt")
    assert last["hyper_parameters"]["renderer"]["sigma"] == 2e-5


def test_what_is_printed_is_what_would_go_on(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("renderer=soft", "trainer.max_steps=1") == 0
    capsys.readouterr()
    assert train("resume=last", "renderer.sigma=2.0e-5", "--print") == 0
    printed = capsys.readouterr().out
    assert "sigma: 2.0e-05" in printed and "resume: null" in printed


def test_softras_goes_on_as_if_never_stopped(train: Train) -> None:
    assert train("softras2019", "name=whole", "trainer.max_steps=4") == 0
    # The rate drops at step 2 either way, 0.5 of 4 and 1.0 of 2; sigma at step 3 of 4, never of 2.
    parts = ("softras2019", "name=parts")
    assert train(*parts, "trainer.max_steps=2", "trainer.drop_rate_at=1.0") == 0
    more = ("trainer.max_steps=4", "trainer.drop_rate_at=0.5", "resume=last")
    assert train(*parts, *more) == 0
    assert_same_weights(only_run("whole"), only_run("parts"))
    losses = [(only_run(name) / "metrics.csv").read_text().split() for name in ("whole", "parts")]
    kept = [[row for row in rows if row.split(",")[1]] for rows in losses]  # no validations
    assert kept[0] == kept[1]
