"""Every code block of README.md runs, in order, in a folder like a checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from nr3d.data import recipes
from nr3d.geometry import icosphere, save_obj

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKER = re.compile(r"<!-- not run: .+ -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and whether a marker forbids to run it."""

    language: str
    text: str
    may_run: bool

    @property
    def name(self) -> str:
        return self.text.strip().splitlines()[-1][:40]


def blocks_of(text: str) -> list[Block]:
    found = []
    pattern = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.M | re.S)
    for match in pattern.finditer(text):
        before = text[: match.start()].rstrip().splitlines()[-1].strip()
        body = textwrap.dedent(match[3])
        found.append(Block(match[2], body, may_run=not MARKER.search(before)))
    return found


BLOCKS = blocks_of(README)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what the blocks find in a checkout and bring along, and a smaller embedded dataset."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("configs", "datasets"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "train.py", folder)
    (folder / "data").mkdir()
    recipes.build("synthetic", ["-o", str(folder / "data" / "synthetic.h5"), "--objects", "30"])
    vertices, faces = icosphere(1)
    for number in range(5):
        path = folder / "my_meshes" / "ball" / f"ball{number}.obj"
        path.parent.mkdir(parents=True, exist_ok=True)
        stretch = torch.tensor([1.0, 0.4 + 0.1 * number, 0.7])
        save_obj(path, vertices * stretch, faces)
    photo = Image.new("RGB", (90, 70), "white")
    photo.paste((180, 60, 40), (25, 15, 60, 55))
    photo.save(folder / "photo.png")
    return folder


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.may_run], ids=lambda block: block.name)
def test_block(block: Block, folder: Path) -> None:
    if block.language == "python":
        command = [sys.executable, "-W", "error", "-c", block.text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.text]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


def test_only_set_up_is_left_out() -> None:
    left_out = [block for block in BLOCKS if not block.may_run]
    assert len(BLOCKS) - len(left_out) >= 7
    words = ("make ", "install", "apt-get")
    assert all(any(word in block.text for word in words) for block in left_out)


def test_pictures_and_links_exist() -> None:
    for page in (
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "datasets" / "README.md",
    ):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
