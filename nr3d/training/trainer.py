"""Fit a ReconstructionModule: settings, and the Lightning trainer around a run folder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.layer_sync import LayerSync, TorchSyncBatchNorm
from pytorch_lightning.utilities.exceptions import (  # type: ignore[attr-defined]
    MisconfigurationException,
)

from nr3d.checks import check_count, check_range
from nr3d.data.datamodule import MultiViewDataModule
from nr3d.training.batch_norm import ShareBatchNorms
from nr3d.training.callbacks import ImageGrids, Progress
from nr3d.training.captured_steps import CaptureSteps
from nr3d.training.checkpoints import AtomicCheckpointIO, Checkpoints
from nr3d.training.module import ReconstructionModule
from nr3d.training.resumed import OptimizerSettings
from nr3d.training.run_folder import RunFolder
from nr3d.training.stopping import Patience, StopOnSignals, ValidateLast

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
LIGHTNING_LOGGERS = ("pytorch_lightning", "lightning.pytorch", "lightning.fabric")
HARMLESS_WARNINGS = (
    ".*does not have many workers.*",  # num_workers=0 is a choice, measured faster on two cores
    ".*GPU available but not used.*",
    ".*resuming from a checkpoint that ended before the epoch ended.*",  # start_step handles it
    ".*LeafSpec.*",
    ".*sync_dist=True.*",  # the module itself gathers what it logs
    ".*attribute of a Tensor that is not a leaf.*",  # the compiler looks at meshes
)


@dataclass(frozen=True)
class RunSettings:
    """The keys at the top of a configuration.

    Attributes:
        name: Runs are written to runs/<name>/<timestamp>/.
        experiment: The file in configs/experiment that the configuration comes from.
        seed: Seed of the initial weights, the batches and everything random in a step.
        logger: Metrics always go to metrics.csv; `wandb` also sends them to Weights & Biases, as
            the section `wandb` says.
        resume: Go on with a run: last (the newest of that name), auto (that, or a fresh one) or
            the path of its folder or its last.ckpt. Its configuration counts, and what is given
            besides.
        init_from: Checkpoint whose weights a fresh run starts from.
    """

    name: str
    experiment: str
    seed: int = 0
    logger: Literal["csv", "wandb"] = "csv"
    resume: str | None = None
    init_from: str | None = None


@dataclass(frozen=True)
class TrainerSettings:
    """The `trainer` section.

    Attributes:
        max_steps: Optimizer steps in all.
        validate_every: Steps between validations; the last step has one, too. Each saves last.ckpt.
        save_every: Steps between further saves of last.ckpt; 0 for none.
        log_every: Steps between two rows of metrics.csv.
        drop_rate_at: Fraction of the steps after which the learning rate is `drop_rate_to` times as
            high; null for never.
        drop_rate_to: See there.
        warm_up: Fraction of the steps over which the learning rate climbs from 0.
        cosine: Let the learning rate fall to 0 on half a cosine, besides what the others do.
        ema: Decay of a running mean of the weights, below 1; validation and evaluation use the
            mean. Null for none.
        accumulate: Parts that each step's objects come in, one after another: the same gradient in
            less memory (but for statistics of batch normalisation).
        clip_gradient: Largest norm of the gradient; a longer one is scaled down. Null for none.
        patience: Validations without a better val/iou after which training ends; null for never.
        overfit: Train on the objects and views of the first step again and again, to see whether
            the loss can fall at all.
        accelerator: auto, cpu, gpu or another name that Lightning knows.
        devices: How many, a list of indices, or auto.
        strategy: auto, ddp or another name that Lightning knows.
        num_nodes: Machines, each with as many devices (torchrun, SLURM).
        precision: Of the network; the renderer always computes in float32 or more.
        compile: Compile network, losses and what is around the renderer by `torch.compile`, for
            training only. Needs a C++ compiler on the CPU and Triton on CUDA, and up to a minute at
            the start.
        cuda_graph: Capture the step, optimizer included, in a CUDA graph, and replay it. Needs one
            CUDA device, and a precision other than 16-mixed, whose scale of the loss is read back.
    """

    max_steps: int = 1000
    validate_every: int = 500
    save_every: int = 0
    log_every: int = 50
    drop_rate_at: float | None = None
    drop_rate_to: float = 0.1
    warm_up: float = 0.0
    cosine: bool = False
    ema: float | None = None
    accumulate: int = 1
    clip_gradient: float | None = None
    patience: int | None = None
    overfit: bool = False
    accelerator: str = "auto"
    devices: int | str | list[int] = 1
    strategy: str = "auto"
    num_nodes: int = 1
    precision: Precision = "32-true"
    compile: bool = False
    cuda_graph: bool = False

    def __post_init__(self) -> None:
        for name in ("max_steps", "validate_every", "log_every", "num_nodes", "accumulate"):
            check_count("trainer", name, getattr(self, name))
        check_count("trainer", "save_every", self.save_every, at_least=0)
        if self.cuda_graph and self.precision == "16-mixed":
            raise ValueError(
                "trainer: cuda_graph must be false with precision 16-mixed, got true; "
                "use precision=bf16-mixed"
            )
        if self.drop_rate_at is not None:
            check_range("trainer", "drop_rate_at", self.drop_rate_at, at_least=0.0, at_most=1.0)
        check_range("trainer", "drop_rate_to", self.drop_rate_to, at_least=0.0)
        check_range("trainer", "warm_up", self.warm_up, at_least=0.0, at_most=1.0)
        if self.ema is not None:
            check_range("trainer", "ema", self.ema, at_least=0.0, below=1.0)
        if self.clip_gradient is not None:
            check_range("trainer", "clip_gradient", self.clip_gradient, above=0.0)
        if self.patience is not None:
            check_count("trainer", "patience", self.patience)


def fit(
    module: ReconstructionModule,
    data: MultiViewDataModule,
    *,
    settings: TrainerSettings,
    run: RunFolder,
    start_step: int = 0,
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[pl.Callback] = (),
) -> bool:
    """Train up to `settings.max_steps`, from the run's last checkpoint if `start_step` > 0.

    The batches are a function of the seed and the step, the rate and the randomness of a step too:
    a resumed run gives the same weights as an uninterrupted one.

    Returns:
        False if a signal (Ctrl-C, SIGTERM) stopped training early; the state is saved.
    """
    stop = StopOnSignals()
    trainer = make_trainer(settings, run, loggers, stop)
    data.start_step = start_step
    data.accumulate = settings.accumulate
    data.overfit = settings.overfit
    if settings.compile:
        module.compile_training()
    trainer.callbacks.extend(callbacks)  # type: ignore[attr-defined]
    with quiet_lightning():
        trainer.fit(module, data, ckpt_path=str(run.last) if start_step else None)
    return trainer.global_step >= settings.max_steps or not stop.has_stopped


def make_trainer(
    settings: TrainerSettings, run: RunFolder, loggers: Sequence[Logger], stop: StopOnSignals
) -> pl.Trainer:
    """Build the Lightning trainer; checkpoints, bar and seeds are ours.

    Raises:
        ValueError: If Lightning does not know, or this machine does not have, what is asked for.
    """
    patient = [] if settings.patience is None else [Patience(settings.patience)]
    callbacks = [
        OptimizerSettings(),  # before a graph holds them fast
        *patient,  # before the checkpoints, which hold its count
        Checkpoints(run, every=settings.save_every),
        ImageGrids(run.images),
        Progress(),
        ValidateLast(),
        stop,
        *([CaptureSteps()] if settings.cuda_graph else []),
    ]
    with quiet_lightning(), _complaints():
        return pl.Trainer(
            max_steps=settings.max_steps,
            max_epochs=-1,
            val_check_interval=settings.validate_every * settings.accumulate,
            check_val_every_n_epoch=None,
            log_every_n_steps=settings.log_every,
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            num_nodes=settings.num_nodes,
            precision=settings.precision,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip_gradient,
            logger=list(loggers),
            callbacks=callbacks,
            plugins=[AtomicCheckpointIO(), _shared_batch_norm(settings)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=run.path,
        )


def _shared_batch_norm(settings: TrainerSettings) -> LayerSync:
    """Give what makes batch normalisation of several processes that of one; without them, idle."""
    on_gpu = settings.accelerator != "cpu" and torch.cuda.is_available()
    return TorchSyncBatchNorm() if on_gpu else ShareBatchNorms()


@contextmanager
def _complaints() -> Iterator[None]:
    """Turn Lightning's own kind of error into one about the section."""
    try:
        yield
    except (MisconfigurationException, ValueError) as error:
        raise ValueError(f"trainer: {error}") from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's notes, and the warnings that do not apply here, from the terminal."""
    loggers = [logging.getLogger(name) for name in LIGHTNING_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in HARMLESS_WARNINGS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
