"""See that the file of the dataset is there; the one that needs no source is made."""

from __future__ import annotations

from pathlib import Path

from nr3d.data import recipes
from nr3d.schema import Config
from nr3d.training.processes import one_at_a_time

EMBEDDED = "synthetic"  # its recipe


def provide_dataset(config: Config) -> None:
    """Make the embedded dataset at its first use; of another that is missing, name the recipe.

    Raises:
        FileNotFoundError: There is no such file, and it has the name of a recipe that makes it.
    """
    path = Path(config["dataset"]["path"])
    if path.exists():
        return
    if path != Path(recipes.load_recipe(EMBEDDED).DEFAULT_PATH):
        if path.stem in recipes.recipe_names():
            command = f"nr3d dataset build {path.stem}"
            raise FileNotFoundError(
                f"dataset file {path} not found; {command} --help says what it is made of, "
                f"{command} -i SOURCE -o {path} makes it"
            )
        return
    with one_at_a_time(path):
        if not path.exists():  # another process may have made it meanwhile
            print(f"{path} does not exist yet; making it")
            recipes.build(EMBEDDED, ["-o", str(path)])
