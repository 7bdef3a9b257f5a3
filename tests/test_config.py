"""Every shipped YAML composes; every wrong key, type and choice is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from nr3d.build import (
    FAMILIES,
    SECTIONS,
    build_model,
    build_renderer,
    build_trainer_settings,
    check_config,
)
from nr3d.config import (
    GROUPS,
    compose,
    configs_folder,
    list_choices,
    override,
    to_yaml,
)
from nr3d.renderer import RENDERERS
from nr3d.schema import ConfigError, check_section

CHOICES = list_choices()
RENDERER_FILES = ", ".join(CHOICES["renderer"])
PARTS = [(group, choice) for group in GROUPS for choice in CHOICES[group]]


@pytest.mark.parametrize("experiment", CHOICES["experiment"])
def test_every_experiment_composes(experiment: str) -> None:
    config = check_config(compose(experiment, []))
    assert config["experiment"] == experiment
    assert set(SECTIONS) < set(config)
    assert check_config(config) == config  # nothing is left to fill in
    assert OmegaConf.to_container(OmegaConf.create(to_yaml(config))) == config


@pytest.mark.parametrize(("group", "choice"), PARTS)
def test_every_group_file_composes(group: str, choice: str) -> None:
    config = check_config(compose("default", [f"{group}={choice}"]))
    assert config["use"][group] == choice


@pytest.mark.parametrize(("group", "choice"), [("experiment", e) for e in CHOICES["experiment"]])
def test_every_experiment_builds(group: str, choice: str) -> None:
    config = check_config(compose(choice, []))
    build_renderer(config)
    build_model(config)


@pytest.mark.parametrize("path", sorted(configs_folder().rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_yaml_says_what_it_is_and_how_to_run_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "Run: python train.py" in text


def test_command_line_beats_experiment_beats_group() -> None:
    folder = configs_folder()
    experiment = OmegaConf.load(folder / "experiment" / "default.yaml")
    batch_size = experiment.dataset.batch_size
    assert compose("default", [])["dataset"]["batch_size"] == batch_size
    config = compose("default", [f"dataset.batch_size={batch_size + 1}", "seed=5"])
    assert config["dataset"]["batch_size"] == batch_size + 1
    assert config["dataset"]["seed"] == 5  # interpolated


def test_interpolation_follows_the_override() -> None:
    config = check_config(compose("default", ["renderer.image_size=32"]))
    assert config["model"]["image_size"] == 32


def test_a_schedule_replaces_the_earlier_one_whole() -> None:
    published = compose("softras2019", [])
    assert published["renderer"]["sigma_schedule"] == {0.6: 3e-05}
    given = ["renderer.sigma_schedule={400: 2.0e-05, 800: 1.0e-05}"]
    earlier = ["renderer.sigma_schedule={500: 4.0e-05}", *given]  # the later one wins
    for config in (
        compose("softras2019", given),
        compose("softras2019", earlier),
        override(published, given),
    ):
        expected = {**published["renderer"], "sigma_schedule": {400: 2e-05, 800: 1e-05}}
        assert config["renderer"] == expected


def test_experiment_may_be_a_file(tmp_path: Path) -> None:
    text = (configs_folder() / "experiment" / "default.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("name: default", "name: mine"), encoding="utf-8")
    config = check_config(compose(str(path), []))
    assert (config["experiment"], config["name"]) == ("mine", "mine")


def test_local_configs_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert configs_folder() != Path("configs")
    (tmp_path / "configs" / "experiment").mkdir(parents=True)
    assert configs_folder() == Path("configs")


def test_class_outside_the_tree_by_dotted_path() -> None:
    config = compose("default", ["optimizer.name=torch.optim.SGD", "optimizer.momentum=0.5"])
    assert check_config(config)["optimizer"]["momentum"] == 0.5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["renderer=kat"],
            f"renderer: must be one of {RENDERER_FILES}, got 'kat'; did you mean kato?",
        ),
        (["x"], "'x': an override must read key=value"),
        (["experiment=furniture"], "experiment: cannot be overridden"),
        (["name=${nothing}"], "name: Interpolation key 'nothing' not found"),
        (["naem=x"], "naem: unknown key; did you mean name?"),
        (["max_steps=3"], "max_steps: unknown key; did you mean trainer.max_steps?"),
        (["trainer.max_step=3"], "trainer.max_step: unknown key; did you mean trainer.max_steps?"),
        (["trainer.max_steps=many"], "trainer.max_steps: must be an int, got 'many'"),
        (["trainer.max_steps=1.5"], "trainer.max_steps: must be an int, got 1.5"),
        (["seed=true"], "seed: must be an int, got True"),
        (["trainer.precision=bf16"], "must be one of 32-true, bf16-mixed, 16-mixed, got"),
        (["trainer.compile=1"], "trainer.compile: must be true or false, got 1"),
        (["trainer.num_node=2"], "unknown key; did you mean trainer.num_nodes?"),
        (["model.channels_last=1"], "model.channels_last: must be true or false, got 1"),
        (["dataset.only=flat"], "dataset.only: must be a list of texts or null, got 'flat'"),
        (["optimizer.betas=[0.9]"], "optimizer.betas: must be a list of 2 numbers, got [0.9]"),
        (
            ["optimizer.betas=[a,0.9]"],
            "optimizer.betas: must be a list of 2 numbers, got ['a', 0.9]",
        ),
        (["dataset.only=[3]"], "dataset.only: must be a list of texts or null, got [3]"),
        (["name=../x"], "name: must be the name of a folder in runs/, got '../x'"),
        (["dataset.resident=3"], "dataset.resident: must be a text, got 3"),
        (["dataset.residence=cpu"], "unknown key; did you mean dataset.resident?"),
        (["logger=wand"], "logger: must be one of csv, wandb, got 'wand'; did you mean wandb?"),
        (["renderer.anti_aliasing=1"], "renderer.anti_aliasing: must be true or false, got 1"),
        (
            ["renderer.name=kat"],
            f"renderer.name: must be one of {', '.join(RENDERERS)} or a dotted path, got 'kat'",
        ),
        (["model.name=no.such.Model"], "model.name: cannot import no.such.Model"),
        (["trainer=3"], "trainer: must be one of"),
        (["loss=3"], "loss: must be a section of keys, got 3"),
        (["optimizer=adam"], "optimizer: must be a section of keys, got 'adam'"),
        (["loss.smoothnes=1"], "loss.smoothnes: unknown key; did you mean loss.smoothness?"),
        (["dataset.path=null"], "dataset.path: must be a text, got None"),
        (["renderer.image_size.x=3"], "renderer.image_size: must be an int or a list of ints, got"),
        (["name=[1"], "while parsing a flow sequence"),
    ],
)
def test_wrong_overrides(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_config(compose("default", overrides))
    assert message in str(error.value)


def test_constructor_complaints_name_the_section() -> None:
    config = check_config(compose("default", ["renderer.image_size=0"]))
    with pytest.raises(ConfigError, match="renderer: NeuralRenderer: image_size must be at least"):
        build_renderer(config)


def test_trainer_settings_out_of_range() -> None:
    config = check_config(compose("default", ["trainer.num_nodes=0"]))
    with pytest.raises(ConfigError, match="^trainer: num_nodes must be at least 1, got 0"):
        build_trainer_settings(config)


def test_fused_means_the_same_for_every_optimizer() -> None:
    for name in ("adam", "kato_adam"):
        config = check_config(compose("default", [f"optimizer.name={name}"]))
        assert config["optimizer"]["fused"] is True


def test_unknown_experiment() -> None:
    with pytest.raises(ConfigError, match="experiment: must be one of .*did you mean furniture"):
        compose("furnitur", [])
    with pytest.raises(ConfigError, match=r"experiment: file no\.yaml not found"):
        compose("no.yaml", [])


def test_broken_experiment_files(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml: not valid YAML"):
        compose(str(path), [])
    path.write_text("- 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="must hold keys and values"):
        compose(str(path), [])
    path.write_text("name: x", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"use.renderer: missing; name one of {RENDERER_FILES}"):
        compose(str(path), [])
    path.write_text(
        "name: x\nuse: {rendrer: kato, renderer: kato, model: small, "
        "dataset: synthetic, trainer: default}",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="use.rendrer: must be one of .*did you mean renderer"):
        compose(str(path), [])


def test_missing_sections_and_keys() -> None:
    config = compose("default", [])
    with pytest.raises(ConfigError, match="loss: section missing"):
        check_config({key: value for key, value in config.items() if key != "loss"})
    with pytest.raises(ConfigError, match="name: missing; add name=VALUE"):
        check_config({key: value for key, value in config.items() if key != "name"})


def test_stored_configurations_keep_their_groups() -> None:
    config = check_config(compose("default", []))
    assert override(config, ["trainer.max_steps=7"])["trainer"]["max_steps"] == 7
    assert override(config, ["model=small"]) == config
    with pytest.raises(ConfigError, match="model: cannot be changed to kato in a stored"):
        override(config, ["model=kato"])


def test_types_of_a_signature() -> None:
    def owner(*, rate: float, size: int | tuple[int, int] = 3, name: str | None = None) -> None:
        """Stand for a class."""

    checked = check_section("part", {"rate": 1, "size": [1, 2]}, owner)
    assert checked == {"rate": 1.0, "size": [1, 2], "name": None}
    assert isinstance(checked["rate"], float)
    with pytest.raises(ConfigError, match="part.size: must be an int or .*, got 'x'"):
        check_section("part", {"rate": 1, "size": "x"}, owner)
    with pytest.raises(ConfigError, match="part.name: must be a text or null, got 3"):
        check_section("part", {"rate": 1, "name": 3}, owner)
    with pytest.raises(ConfigError, match="part.rate: missing; add part.rate=VALUE"):
        check_section("part", {}, owner)


def test_families_are_literal_tables() -> None:
    for table in FAMILIES.values():
        assert table
