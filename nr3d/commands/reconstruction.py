"""Turn images into meshes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nr3d.build import choose_device, load_trained
from nr3d.data.photo import load_photo
from nr3d.training.checkpoints import find_checkpoint
from nr3d.training.reconstruction import reconstruct_photo
from nr3d.training.run_folder import find_newest_checkpoint


def reconstruct(
    images: Sequence[Path],
    output: Path,
    *,
    checkpoint: Path | None = None,
    suffix: str = ".obj",
) -> None:
    """Write a mesh and a preview sheet (PNG) for each image, in colour if the model knows colours.

    Args:
        images: Files that `load_photo` reads.
        output: The folder for what is written.
        checkpoint: A checkpoint or a run; the newest run when absent.
        suffix: Of the meshes: .obj, .glb or .ply.

    Raises:
        ValueError: Images cannot be used, once the others are done; or two would have one name.
        FileNotFoundError: There is no such checkpoint.
        OSError: Nothing can be written there.
    """
    _check_names(images, output)
    chosen = checkpoint or find_newest_checkpoint()
    if chosen is None:
        raise FileNotFoundError("reconstruct: no run in runs/; train first or give --checkpoint")
    chosen = find_checkpoint(chosen)
    config, module, _ = load_trained(chosen)
    device = choose_device(config)
    module.to(device)
    print(f"checkpoint: {chosen}")
    unusable = []
    for image in images:
        try:
            photo = load_photo(image, image_size=config["renderer"]["image_size"])
        except (ValueError, FileNotFoundError) as error:
            unusable.append(str(error))
            continue
        output.mkdir(parents=True, exist_ok=True)
        paths = reconstruct_photo(
            module,
            photo,
            output / image.stem,
            viewing_angle=config["renderer"]["viewing_angle"],
            predict_colors=module.predict_colors,
            suffix=suffix,
            device=device,
        )
        print(f"{image} -> {', '.join(str(path) for path in paths)}")
    if len(unusable) == 1:
        raise ValueError(unusable[0])
    if unusable:
        raise ValueError(f"{len(unusable)} of {len(images)} images: {'; '.join(unusable)}")


def _check_names(images: Sequence[Path], output: Path) -> None:
    """Check that nothing that is written would overwrite another image's mesh, or an image."""
    named: dict[str, Path] = {}
    for image in images:
        if (output / f"{image.stem}.png").resolve() == image.resolve():
            raise ValueError(
                f"reconstruct: -o must be another folder than that of {image}, got {output}; "
                "the sheet of views would overwrite the image"
            )
        other = named.setdefault(image.stem, image)
        if other is not image:
            raise ValueError(
                f"reconstruct: images must have different names, got {other} and {image}, which "
                f"would both become {image.stem}; call it once for each, with another -o"
            )
