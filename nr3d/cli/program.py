"""The command line: nr3d train | evaluate | report | export | reconstruct | render | ...

Exit codes: 0 done; 1 a defect, with its traceback; 2 wrong input, one line that says what; 130
stopped by a signal, the state saved.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from nr3d.cli.arguments import make_parser
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
    command = COMMANDS[arguments.run]
    if arguments.traceback:
        return command(arguments)
    try:
        return command(arguments)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {_message(error)}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _message(error: Exception) -> str:
    """Give one line; what the operating system refused begins with the file."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; name another place or change that one"
    return " ".join(str(error).split())


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; overrides may stand before and after the options."""
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    if arguments.run == "dataset build":
        arguments.rest = rest  # all of it is the recipe's
    elif rest:
        if "overrides" not in arguments or any(text.startswith("-") for text in rest):
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        arguments.overrides += rest
    return arguments


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


def _doctor(arguments: argparse.Namespace) -> int:
    from nr3d.doctor import main as doctor

    return doctor()


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
    "export": _export,
    "reconstruct": _reconstruct,
    "render": _render,
    "compare-gradients": _compare_gradients,
    "dataset build": _dataset_build,
    "dataset inspect": _dataset_inspect,
    "dataset verify": _dataset_verify,
    "doctor": _doctor,
}
"""What each command of the command line runs."""
