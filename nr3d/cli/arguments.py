"""The command line's options: each command's name ends up as `run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nr3d.config import GROUPS, list_choices
from nr3d.schema import ConfigError


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(prog="nr3d", description="3D meshes from single images.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_evaluate(commands)
    _add_report(commands)
    _add_export(commands)
    _add_reconstruct(commands)
    _add_render(commands)
    _add_compare(commands)
    _add_dataset(commands)
    doctor = _add(commands, "doctor", "print versions, devices and native operations")
    doctor.set_defaults(traceback=False)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error comes from")
    parser.set_defaults(run=name)
    return parser


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "train", "train an experiment", _describe_choices())
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="EXPERIMENT | key=value",
        help="a file in configs/experiment (default: default) and overrides",
    )
    parser.add_argument("--print", action="store_true", help="show the configuration and stop")


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "evaluate", "score a checkpoint beside its baselines")
    parser.add_argument(
        "checkpoint", type=Path, help="a checkpoint, or the folder of a run (runs/NAME: the newest)"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dataset.path=FILE, ...")
    parser.add_argument("--split", default="test", help="train, val or test (default: test)")
    parser.add_argument(
        "--metrics",
        type=lambda text: text.split(","),
        metavar="GROUP,...",
        help="of voxel,silhouette,surface (default: all that the dataset can give)",
    )
    parser.add_argument(
        "--surface-views",
        type=int,
        metavar="N",
        help="views of each object that surface metrics use (default: 4)",
    )


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "report", "compare runs: a page with tables and pictures")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="runs/NAME/TIME")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the page")
    parser.add_argument("--objects", type=int, default=3, help="per gallery, 0 for none (3)")


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "export", "write the weights of a run as a small file")
    parser.add_argument(
        "checkpoint", type=Path, help="a checkpoint, or the folder of a run (runs/NAME: the newest)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file, x.ckpt")


def _add_reconstruct(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "reconstruct", "turn images into meshes")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for mesh and PNG")
    parser.add_argument(
        "--format", choices=("obj", "glb", "ply"), default="obj", help="of the meshes (obj)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="a checkpoint or a run (default: the newest run's best)"
    )


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "render", "draw a mesh file as a picture or a turntable")
    parser.add_argument("mesh", type=Path, help="an OBJ, GLB, glTF, PLY or STL file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="x.png or x.gif")
    _add_camera(parser, image_size=512, distance=None)
    parser.add_argument("--frames", type=int, default=48, help="of a turntable (48)")
    parser.add_argument("--smooth", action="store_true", help="light curved surfaces smoothly")


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "draw what the gradient of each renderer does for the sake of one pixel"
    parser = _add(commands, "compare-gradients", text)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--mesh", type=Path, help="a mesh file instead of the published triangle")
    parser.add_argument("--pixel", type=int, nargs=2, metavar=("ROW", "COLUMN"), help="of --mesh")
    _add_camera(parser, image_size=64, distance=2.732)


def _add_camera(
    parser: argparse.ArgumentParser, *, image_size: int, distance: float | None
) -> None:
    """Add what looks at the mesh of a file."""
    text = f"side in pixels ({image_size})"
    parser.add_argument("--image-size", type=int, default=image_size, help=text)
    usual = distance or "as far as it takes to see all of the mesh"
    parser.add_argument("--distance", type=float, default=distance, help=f"of the camera ({usual})")
    parser.add_argument("--elevation", type=float, default=30.0, help="degrees (30)")
    parser.add_argument("--azimuth", type=float, default=30.0, help="degrees (30)")
    parser.add_argument(
        "--viewing-angle", type=float, default=15.0, help="half the field of view, degrees (15)"
    )


def _add_dataset(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "dataset", "build and look at datasets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="run a recipe", add_help=False)
    build.set_defaults(run="dataset build")
    inspect = actions.add_parser("inspect", help="print what a file holds, write a contact sheet")
    inspect.add_argument("file", type=Path)
    inspect.add_argument("-o", "--output", type=Path, help="the contact sheet (default: FILE.png)")
    inspect.set_defaults(run="dataset inspect")
    verify = actions.add_parser("verify", help="check every image of a file")
    verify.add_argument("file", type=Path)
    verify.set_defaults(run="dataset verify")


def _describe_choices() -> str:
    """List the experiments and the groups' files for --help."""
    try:
        choices = list_choices()
    except ConfigError as error:
        return str(error)
    lines = [f"experiments: {', '.join(choices['experiment'])}", ""]
    lines += [f"  {group}={{{','.join(choices[group])}}}" for group in GROUPS]
    lines += [
        "",
        "keys: seed, name, logger=csv|wandb, resume=last|auto|PATH, init_from=PATH and",
        "section.key of renderer, model, dataset, loss, optimizer, trainer, wandb (--print: all)",
    ]
    return "\n".join(lines)
