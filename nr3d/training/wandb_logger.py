"""Weights & Biases, the one file that knows it: online for those logged in, offline for others."""

from __future__ import annotations

import logging
import netrc
import os
import secrets
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytorch_lightning.loggers import Logger

from nr3d.training.checkpoints import write_atomically
from nr3d.training.run_folder import RunFolder

ENVIRONMENT = {
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "WANDB_INIT_TIMEOUT": "15",  # seconds; the default blocks for 90 where a server is out of reach
    "WANDB_FINISH_TIMEOUT": "60",  # seconds; the default waits for the last upload for ever
}
"""Settings of wandb that differ from its own defaults; those of the user's environment win."""
log = logging.getLogger("nr3d")


class WandbLog(Logger):
    """Send numbers, tables and files to one wandb run, at the trainer's global step.

    wandb takes steps in ascending order only. Where a run is resumed from a checkpoint before its
    last step, an online run ignores the repeated ones, whose numbers are the same anyway.

    Args:
        run: What `wandb.init` gave.
    """

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run

    @property
    def name(self) -> str:
        """The logger's name."""
        return "wandb"

    @property
    def version(self) -> str:
        """The identifier of the wandb run."""
        return str(self.run.id)

    def log_hyperparams(self, params: Any, *arguments: Any, **keywords: Any) -> None:
        """Do nothing; the run has had the configuration from its start."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Send numbers; `step` is counted from 0, wandb gets the steps done, as metrics.csv has."""
        values = {key: float(value) for key, value in metrics.items() if key != "epoch"}
        if values:
            self.run.log(values, step=(step or 0) + 1)

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[str | float]], *, step: int
    ) -> None:
        """Send a table; `step` counts the steps done."""
        import wandb

        table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
        self.run.log({key: table}, step=step)

    def log_files(self, files: Mapping[str, Path], *, step: int) -> None:
        """Send copies of PNG (image), GIF (video) and GLB (object) files; `step` as above."""
        import wandb

        kinds = {".png": wandb.Image, ".gif": wandb.Video, ".glb": wandb.Object3D}
        media = {key: kinds[path.suffix](str(path)) for key, path in files.items()}
        if media:
            self.run.log(media, step=step)

    def log_checkpoint(self, path: Path, *, alias: str, step: int) -> None:
        """Send a checkpoint as a version of the artifact `checkpoint-ID`."""
        import wandb

        artifact = wandb.Artifact(
            f"checkpoint-{self.run.id}", type="model", metadata={"step": step, "file": path.name}
        )
        artifact.add_file(str(path), name=path.name)
        self.run.log_artifact(artifact, aliases=[alias])

    def summarize(self, values: Mapping[str, float]) -> None:
        """Set numbers of the run as a whole."""
        self.run.summary.update(dict(values))

    def finish(self, *, failed: bool) -> None:
        """End the wandb run."""
        self.run.finish(exit_code=int(failed))


def start_wandb_run(run: RunFolder, *, project: str, config: Mapping[str, Any]) -> WandbLog:
    """Start a wandb run in the run's folder, or go on with the one whose identifier is there.

    Goes online where the user's own settings do not say otherwise and there is a key (WANDB_API_KEY
    or what `wandb login` left); else, or where the server does not answer within
    WANDB_INIT_TIMEOUT seconds, offline. Never asks.

    Raises:
        ModuleNotFoundError: If wandb is not installed.
    """
    if find_spec("wandb") is None:
        raise ModuleNotFoundError("logger: wandb is not installed; run pip install wandb")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import wandb

    stored = run.path / "wandb_id.txt"
    known = stored.is_file()
    settings: dict[str, Any] = {
        "project": project,
        "name": f"{run.path.parent.name}/{run.path.name}",
        "dir": str(run.path),
        "id": stored.read_text(encoding="utf-8").strip() if known else secrets.token_hex(4),
        "resume": "allow",
        "config": dict(config),
        "mode": choose_mode(),
    }
    try:
        started = wandb.init(**settings)
    except wandb.errors.Error as error:
        if settings["mode"] == "offline":
            raise
        reason = str(error).partition("\n")[0]
        log.warning("wandb: offline, since its server does not answer: %s", reason)
        wandb.teardown()  # or the identifier would be in use
        started = wandb.init(**{**settings, "mode": "offline"})
    write_atomically(stored, str(started.id).encode())  # in a sweep the agent has chosen it
    if started.offline:
        log.info("wandb: offline; send the run by: wandb sync %s", Path(started.dir).parent)
    else:
        log.info("wandb: %s", started.url)
    return WandbLog(started)


def choose_mode() -> str:
    """Give the mode that the user's settings name; offline in place of online without a key."""
    import wandb

    settings = wandb.setup().settings
    mode = os.environ.get("WANDB_MODE") or settings.mode
    if mode not in ("online", "shared"):
        return str(mode)
    key = os.environ.get("WANDB_API_KEY") or settings.api_key
    token = os.environ.get("WANDB_IDENTITY_TOKEN_FILE")
    return str(mode) if key or token or _has_netrc_entry(str(settings.base_url)) else "offline"


def _has_netrc_entry(url: str) -> bool:
    """Tell whether `wandb login` has left a key for this server."""
    host = urlsplit(url).hostname or ""
    usual = [Path.home() / name for name in (".netrc", "_netrc")]
    named = os.environ.get("NETRC")
    for path in [Path(named).expanduser()] if named else usual:
        if path.is_file():
            try:
                return host in netrc.netrc(str(path)).hosts
            except (netrc.NetrcParseError, OSError) as error:
                log.warning("wandb: %s cannot be read: %s", path, error)
    return False
