"""ShapeNet's classes: their WordNet numbers, names, and how many objects the papers use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nr3d.checks import check_choice

PUBLISHED = {
    "02691156": 4045,
    "02828884": 1816,
    "02933112": 1572,
    "02958343": 7496,
    "03001627": 6778,
    "03211117": 1095,
    "03636649": 2318,
    "03691459": 1618,
    "04090263": 2372,
    "04256520": 3173,
    "04379243": 8509,
    "04401088": 1052,
    "04530566": 1939,
}
"""Objects of each of the 13 classes of Choy et al. 2016 and Kato et al. 2018: 43,783 in all."""

_NAMES = """
02691156 airplane    02747177 trash bin   02773838 bag         02801938 basket
02808440 bathtub     02818832 bed         02828884 bench       02843684 birdhouse
02871439 bookshelf   02876657 bottle      02880940 bowl        02924116 bus
02933112 cabinet     02942699 camera      02946921 can         02954340 cap
02958343 car         02992529 cellphone   03001627 chair       03046257 clock
03085013 keyboard    03207941 dishwasher  03211117 display     03261776 earphone
03325088 faucet      03337140 file cabinet  03467517 guitar    03513137 helmet
03593526 jar         03624134 knife       03636649 lamp        03642806 laptop
03691459 loudspeaker  03710193 mailbox    03759954 microphone  03761084 microwave
03790512 motorbike   03797390 mug         03928116 piano       03938244 pillow
03948459 pistol      03991062 flowerpot   04004475 printer     04074963 remote
04090263 rifle       04099429 rocket      04225987 skateboard  04256520 sofa
04330267 stove       04379243 table       04401088 telephone   04460130 tower
04468005 train       04530566 watercraft  04554684 washer
"""


def _parse(text: str) -> dict[str, str]:
    names: dict[str, str] = {}
    synset = ""
    for word in text.split():
        if word.isdigit():
            synset = word
        else:
            names[synset] = f"{names[synset]} {word}" if synset in names else word
    return names


SHAPENET_CORE = _parse(_NAMES)
"""Name of each of the 55 classes of ShapeNetCore."""

KATO = {synset: SHAPENET_CORE[synset] for synset in PUBLISHED}
"""Name of each of the 13 classes."""


def choose_synsets(
    function: str, wanted: str | None, known: Mapping[str, str] = KATO
) -> dict[str, str]:
    """Give number and name of the classes that a comma-separated list asks for, sorted by number.

    Args:
        function: First word of the message.
        wanted: Numbers or names, `02691156,car`; None for all that are known.
        known: Number to name.

    Raises:
        ValueError: A class is not known; the message lists those that are.
    """
    if wanted is None:
        return dict(sorted(known.items()))
    numbers = {name: synset for synset, name in known.items()}
    chosen = []
    for word in (word.strip() for word in wanted.split(",")):
        synset = numbers.get(word, word)
        if synset not in known:
            check_choice(function, "--synsets", word, [*known, *known.values()])
        chosen.append(synset)
    return {synset: known[synset] for synset in sorted(set(chosen))}


def check_folders(
    function: str, folder: Path, chosen: Mapping[str, str], *, complete: bool, remedy: str
) -> None:
    """Check that a folder has a sub-folder for each class, and if `complete` for no other.

    Raises:
        FileNotFoundError: The folder or one of a class is missing.
        ValueError: There is a class nobody asked for.
    """
    for synset in chosen:
        if not (folder / synset).is_dir():
            raise FileNotFoundError(
                f"{function}: folder {folder / synset} ({chosen[synset]}) not found; {remedy}"
            )
    if complete:
        for name in sorted(path.name for path in folder.iterdir() if path.is_dir()):
            if name.isdigit() and name not in chosen:
                raise ValueError(
                    f"{function}: {folder} must hold the synsets {', '.join(chosen)}, got the "
                    f"unknown synset {name}; name those to use with --synsets"
                )
