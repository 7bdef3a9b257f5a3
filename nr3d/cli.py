"""The command line: nr3d train | evaluate | report | export | reconstruct | render | ...

Exit codes: 0 done; 1 a defect, with its traceback; 2 wrong input, one line that says what; 130
stopped by a signal, the state saved.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from nr3d.config import GROUPS, list_choices
from nr3d.schema import ConfigError

WRONG_INPUT = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments without the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    # Read when torch is loaded, hence here: threads that wait sleep instead of spinning. Beside one
    # other busy process on two cores a training step takes 0.1 s so, and 0.8 to 2 s otherwise.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = parse(argv)
    command: Callable[[argparse.Namespace], int] = arguments.run
    if arguments.traceback:
        return command(arguments)
    try:
        return command(arguments)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        message = " ".join(str(error).split())
        print(f"error: {message}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; overrides may stand before and after the options."""
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    if arguments.run is _dataset_build:
        arguments.rest = rest  # all of it is the recipe's
    elif rest:
        if "overrides" not in arguments or any(text.startswith("-") for text in rest):
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        arguments.overrides += rest
    return arguments


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
    doctor = _add(commands, "doctor", _doctor, "print versions, devices and native operations")
    doctor.set_defaults(traceback=False)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
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
    parser.set_defaults(run=run)
    return parser


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "train", _train, "train an experiment", _describe_choices())
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="EXPERIMENT | key=value",
        help="a file in configs/experiment (default: default) and overrides",
    )
    parser.add_argument("--print", action="store_true", help="show the configuration and stop")


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "evaluate", _evaluate, "score a checkpoint beside its baselines")
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or the folder of a run")
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
    parser = _add(commands, "report", _report, "compare runs: a page with tables and pictures")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="runs/NAME/TIME")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the page")
    parser.add_argument("--objects", type=int, default=3, help="per gallery, 0 for none (3)")


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "export", _export, "write the weights of a run as a small file")
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or the folder of a run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file, x.ckpt")


def _add_reconstruct(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "reconstruct", _reconstruct, "turn images into meshes")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for mesh and PNG")
    parser.add_argument(
        "--format", choices=("obj", "glb", "ply"), default="obj", help="of the meshes (obj)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="a checkpoint or a run (default: the newest run's best)"
    )


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "render", _render, "draw a mesh file as a picture or a turntable")
    parser.add_argument("mesh", type=Path, help="an OBJ, GLB, glTF, PLY or STL file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="x.png or x.gif")
    _add_camera(parser, image_size=512, distance=None)
    parser.add_argument("--frames", type=int, default=48, help="of a turntable (48)")
    parser.add_argument("--smooth", action="store_true", help="light curved surfaces smoothly")


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "draw what the gradient of each renderer does for the sake of one pixel"
    parser = _add(commands, "compare-gradients", _compare_gradients, text)
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
    parser = _add(commands, "dataset", _dataset_help, "build and look at datasets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="run a recipe", add_help=False)
    build.set_defaults(run=_dataset_build)
    inspect = actions.add_parser("inspect", help="print what a file holds, write a contact sheet")
    inspect.add_argument("file", type=Path)
    inspect.add_argument("-o", "--output", type=Path, help="the contact sheet (default: FILE.png)")
    inspect.set_defaults(run=_dataset_inspect)
    verify = actions.add_parser("verify", help="check every image of a file")
    verify.add_argument("file", type=Path)
    verify.set_defaults(run=_dataset_verify)


def _train(arguments: argparse.Namespace) -> int:
    from nr3d.commands import print_config, train

    named = [text for text in arguments.overrides if "=" not in text]
    overrides = [text for text in arguments.overrides if "=" in text]
    if len(named) > 1:
        raise ConfigError(f"experiment: must be one, got {', '.join(named)}")
    experiment = named[0] if named else None
    if arguments.print:
        print_config(experiment, overrides)
        return 0
    command = [*sys.argv[:1], "train", *arguments.overrides]
    return 0 if train(experiment, overrides, command=command) else INTERRUPTED


def _evaluate(arguments: argparse.Namespace) -> int:
    from nr3d.commands import evaluate

    evaluate(
        arguments.checkpoint,
        arguments.overrides,
        split=arguments.split,
        metrics=arguments.metrics,
        surface_views=arguments.surface_views,
    )
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from nr3d.report import compare_runs

    page = compare_runs(arguments.runs, arguments.output, objects=arguments.objects)
    print(f"wrote {page}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from nr3d.training.release import export_weights

    size = export_weights(arguments.checkpoint, arguments.output)
    print(f"wrote {arguments.output}: {size / 2**20:.1f} MiB, half precision")
    return 0


def _reconstruct(arguments: argparse.Namespace) -> int:
    from nr3d.commands import reconstruct

    reconstruct(
        arguments.images,
        arguments.output,
        checkpoint=arguments.checkpoint,
        suffix=f".{arguments.format}",
    )
    return 0


def _render(arguments: argparse.Namespace) -> int:
    from nr3d.picture import draw_file

    draw_file(
        arguments.mesh,
        arguments.output,
        image_size=arguments.image_size,
        distance=arguments.distance,
        elevation=arguments.elevation,
        azimuth=arguments.azimuth,
        viewing_angle=arguments.viewing_angle,
        num_frames=arguments.frames,
        smooth=arguments.smooth,
    )
    print(f"wrote {arguments.output}")
    return 0


def _compare_gradients(arguments: argparse.Namespace) -> int:
    from nr3d.comparison import compare_on_mesh, compare_on_triangle

    if (arguments.mesh is None) != (arguments.pixel is None):
        raise ValueError("compare-gradients: --mesh and --pixel must be given together, got one")
    if arguments.mesh is None:
        compare_on_triangle(arguments.output)
    else:
        compare_on_mesh(
            arguments.mesh,
            arguments.output,
            pixel=arguments.pixel,
            image_size=arguments.image_size,
            distance=arguments.distance,
            elevation=arguments.elevation,
            azimuth=arguments.azimuth,
            viewing_angle=arguments.viewing_angle,
        )
    print(f"wrote {arguments.output}")
    return 0


def _dataset_build(arguments: argparse.Namespace) -> int:
    from nr3d.data import recipes

    if not arguments.rest or arguments.rest[0] in ("-h", "--help"):
        print("usage: nr3d dataset build RECIPE ...; RECIPE --help says more")
        print(f"recipes: {', '.join(recipes.recipe_names())}")
        return 0 if arguments.rest else WRONG_INPUT
    name, *rest = arguments.rest
    recipes.build(name, rest)
    return 0


def _dataset_inspect(arguments: argparse.Namespace) -> int:
    from nr3d.data.inspect import inspect

    inspect(arguments.file, arguments.output or arguments.file.with_suffix(".png"))
    return 0


def _dataset_verify(arguments: argparse.Namespace) -> int:
    from nr3d.data.recipes import verify

    index = verify(arguments.file)
    print(f"{arguments.file}: {len(index.ids)} objects, whole")
    return 0


def _dataset_help(arguments: argparse.Namespace) -> int:
    raise AssertionError("argparse demands an action")


def _doctor(arguments: argparse.Namespace) -> int:
    from nr3d.doctor import main as doctor

    return doctor()


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
