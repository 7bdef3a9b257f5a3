"""Samplers and vertex colours of glTF files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from nr3d.geometry import cubes_from_texture, load_mesh
from nr3d.geometry.gltf_wraps import number_materials, take_number
from nr3d.geometry.mesh import LoadedMesh

REPEAT, MIRROR, CLAMP = 10497, 33648, 33071
NAMES = {REPEAT: "repeat", MIRROR: "mirror", CLAMP: "clamp"}
COLORS = np.array([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [255, 255, 255, 255]])


def quad(
    *, image: bool = True, colors: Any = None, factor: tuple[int, ...] | None = None, dark: int = 0
) -> Any:
    """Make a square that shows its image, black on the left and white on the right, 1.5 times."""
    uv = np.array([[0, 0], [1.5, 0], [1.5, 1], [0, 1]], dtype=np.float64)
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
    pixels = Image.fromarray(np.tile(np.uint8([dark, 255])[None, :, None], (2, 1, 3)))
    look = trimesh.visual.material.PBRMaterial(
        name="tile", baseColorTexture=pixels if image else None, baseColorFactor=factor
    )
    visual = trimesh.visual.TextureVisuals(uv=uv, material=look)
    if colors is not None:
        visual.vertex_attributes["color"] = colors
    return trimesh.Trimesh(vertices, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False)


def write(path: Path, parts: list[Any], samplers: list[dict[str, int] | None]) -> Path:
    """Write quads with samplers of their own, of which trimesh writes none."""
    trimesh.Scene(parts).export(path)
    if path.suffix == ".glb":
        content = path.read_bytes()
        end = 20 + int.from_bytes(content[12:16], "little")
        tree, rest = json.loads(content[20:end]), content[end:]
    else:
        tree, rest = json.loads(path.read_text()), b""
    tree["samplers"] = [each for each in samplers if each is not None]
    for texture, sampler in zip(tree["textures"], samplers, strict=True):
        if sampler is not None:
            texture["sampler"] = tree["samplers"].index(sampler)
    text = json.dumps(tree).encode()
    if path.suffix == ".gltf":
        path.write_bytes(text)
        return path
    text += b" " * (-len(text) % 4)
    sizes = [2, 20 + len(text) + len(rest), len(text)]
    head = b"".join(size.to_bytes(4, "little") for size in sizes)
    path.write_bytes(b"glTF" + head + b"JSON" + text + rest)
    return path


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
@pytest.mark.parametrize("mode", NAMES)
def test_samplers_are_honoured(tmp_path: Path, suffix: str, mode: int) -> None:
    path = write(tmp_path / f"a{suffix}", [quad()], [{"wrapS": mode, "wrapT": mode}])
    mesh = load_mesh(path, textures=True)
    material = mesh.materials[0]
    assert (material.name, material.wrap) == ("tile", NAMES[mode])
    assert material.texture is not None and material.texture[0].tolist() == [[0, 1], [0, 1]]
    by_hand = cubes_from_texture(mesh, 4, wrap=NAMES[mode])
    assert torch.equal(cubes_from_texture(mesh, 4), by_hand)
    assert load_mesh(path).materials[0].name == "tile"


def test_averages_of_faces_are_wrapped(tmp_path: Path) -> None:
    """Of the triangle (0, 0), (1.5, 0), (1.5, 1) most lies right of 1: white unless repeated."""
    means = {}
    for mode, name in NAMES.items():
        path = write(tmp_path / "a.glb", [quad()], [{"wrapS": mode, "wrapT": mode}])
        mesh: LoadedMesh = load_mesh(path, textures=True)
        assert mesh.face_colors is not None
        means[name] = float(mesh.face_colors[0, 0])
    assert means["repeat"] < means["mirror"] <= means["clamp"]


def test_every_material_keeps_its_own(tmp_path: Path) -> None:
    samplers = [{"wrapS": CLAMP, "wrapT": CLAMP}, None, {"wrapS": MIRROR, "wrapT": MIRROR}, {}]
    path = write(tmp_path / "a.glb", [quad(dark=dark) for dark in range(4)], samplers)
    wraps = ["clamp", "repeat", "mirror", "repeat"]
    assert number_materials(path)[1] == wraps
    found = {}
    for each in load_mesh(path, textures=True).materials:
        assert each.name == "tile" and each.texture is not None
        found[round(float(each.texture.min() * 255))] = each.wrap
    assert [found[dark] for dark in range(4)] == wraps


def test_one_wrap_serves_both_axes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.glb", [quad()], [{"wrapS": CLAMP, "wrapT": MIRROR}])
    message = "a.glb wraps an image by clamp along u and by mirror along v; clamp is taken for both"
    with pytest.warns(UserWarning, match=message):
        assert load_mesh(path, textures=True).materials[0].clamp


@pytest.mark.parametrize("change", [{"wrapS": 7}, {"wrapS": "REPEAT"}])
def test_unknown_wraps_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write(tmp_path / "a.glb", [quad()], [change])
    with pytest.raises(ValueError, match=r"^load_mesh: .*a.glb must be a GLB file, got KeyError"):
        load_mesh(path, textures=True)


def test_names_that_begin_with_a_number_stay() -> None:
    assert take_number("0 7 wood", ["clamp"]) == ("7 wood", "clamp")
    assert take_number("0 ", ["mirror"]) == ("", "mirror")
    assert take_number("7 wood", []) == ("7 wood", "repeat")


def as_floats(path: Path, colors: Any) -> Path:
    """Write the vertex colours of a glTF file anew, as floats, which trimesh does not write."""
    tree = json.loads(path.read_text())
    data = base64.b64encode(colors.astype(np.float32).tobytes()).decode()
    uri = "data:application/octet-stream;base64," + data
    tree["buffers"].append({"byteLength": colors.size * 4, "uri": uri})
    view = {"buffer": len(tree["buffers"]) - 1, "byteLength": colors.size * 4}
    tree["bufferViews"].append(view)
    accessor = {"bufferView": len(tree["bufferViews"]) - 1, "componentType": 5126}
    place = tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    tree["accessors"][place] = accessor | {"count": len(colors), "type": "VEC4"}
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize("textures", [False, True])
@pytest.mark.parametrize("kind", ["bytes", "shorts", "floats"])
def test_vertex_colours_are_multiplied_with_the_base_colour(
    tmp_path: Path, textures: bool, kind: str
) -> None:
    given = (COLORS * 257).astype(np.uint16) if kind == "shorts" else COLORS.astype(np.uint8)
    scene = trimesh.Scene(quad(image=False, colors=given, factor=(255, 51, 102, 255)))
    for name, content in trimesh.exchange.gltf.export_gltf(scene).items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "model.gltf"
    if kind == "floats":
        path = as_floats(path, COLORS / 255)
    mesh = load_mesh(path, textures=textures)
    assert mesh.vertex_colors is not None and mesh.materials == ()
    expected = torch.tensor(COLORS[:, :3] / 255 * [1.0, 0.2, 0.4], dtype=torch.float32)
    torch.testing.assert_close(mesh.vertex_colors, expected, rtol=0, atol=1 / 255)  # whole bytes
    assert mesh.face_colors is not None
    averages = expected[mesh.faces].mean(1)
    torch.testing.assert_close(mesh.face_colors, averages, rtol=0, atol=1 / 255)


def test_vertex_colours_under_an_image_are_lost(tmp_path: Path) -> None:
    quad(colors=COLORS.astype(np.uint8)).export(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb", textures=True)
    assert mesh.vertex_colors is None and mesh.materials[0].texture is not None
