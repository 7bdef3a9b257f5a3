"""What a run that goes on takes from its configuration, whatever its checkpoint says."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl


class OptimizerSettings(pl.Callback):
    """Gives a resumed run's optimizer the settings that its configuration asks for.

    torch stores rate, betas and the like beside the moments and puts them back too, so that
    `resume=last optimizer.lr=...` would change nothing.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the settings, and leave the moments."""
        wanted: Any = pl_module.configure_optimizers()
        (optimizer,) = trainer.optimizers
        for group, settings in zip(optimizer.param_groups, wanted.param_groups, strict=True):
            group.update({key: settings[key] for key in settings if key != "params"})
        optimizer.load_state_dict(optimizer.state_dict())  # counts go where `fused` wants them
