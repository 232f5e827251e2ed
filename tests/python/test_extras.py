"""Each extra in an environment of its own, with nothing but the libraries that it installs."""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from conftest import environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from reviews import write_reviews

import elastic_core
from elastic_core.common.yaml import parse_yaml_file, yaml_text

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

Environment = Callable[..., str]
"""Runs a Python script with arguments in an environment; returns what it prints on stderr."""

COMMANDS = """
import json, sys
from elastic_core.cli import program
from elastic_core.cli.errors import run
for call, code in json.loads(sys.argv[1]):
    sys.argv[1:] = call
    assert run(program) == code, call
"""
"""Runs `elastic-core` with each list of arguments and checks its exit code."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege")


def required(name: str, extras: set[str]) -> Iterator[str]:
    """The requirements of an installed library, or of the project as it is here."""
    if name == "elastic-core":
        yield from PROJECT["dependencies"]
        for extra in extras:
            yield from PROJECT["optional-dependencies"][extra]
        return
    for line in distribution(name).requires or ():
        marker = Requirement(line).marker
        if not marker or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield line


def installed(extra: str) -> set[str]:
    """The libraries that `pip install 'elastic-core[EXTRA]'` installs, directly or indirectly."""
    pending = [("elastic-core", frozenset([extra] if extra else []))]
    seen = set(pending)
    for name, extras in pending:
        for requirement in map(Requirement, required(name, set(extras))):
            one = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if one not in seen:
                seen.add(one)
                pending.append(one)
    return {name for name, _ in pending} - {"elastic-core"}


def link(libraries: set[str], folder: Path) -> None:
    """Links what belongs to the libraries into a folder of packages."""
    folder.mkdir(exist_ok=True)
    for name in libraries:
        files = distribution(name).files or ()
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (folder / top).is_symlink():
                (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str], Environment]:
    """Creates an environment whose libraries are links to those of this one."""

    def create(extra: str) -> Environment:
        folder = tmp_path / "environment"
        venv.create(folder, symlinks=True, with_pip=False)
        (packages,) = folder.glob("lib/python*/site-packages")
        link(installed(extra), packages)
        (packages / "elastic_core").symlink_to(Path(elastic_core.__file__).parent)

        def run(script: str, *arguments: str | Path) -> str:
            done = subprocess.run(
                [folder / "bin" / "python", "-c", script, *arguments],
                cwd=tmp_path,
                env={**environment(), "PYTHONPATH": ""},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stderr

        return run

    return create


def calls(*lines: str, code: int = 0) -> list[tuple[list[str], int]]:
    return [(line.split(), code) for line in lines]


def test_the_base_measures_and_names_the_extra_of_everything_else(
    install: Callable[[str], Environment],
    play: Path,  # noqa: ARG001
) -> None:
    trees = "--pretrain play.tree --align play.tree --perturb play.txt"
    done = calls(
        "measure play.txt --model tree:3 --compare xz:1 --out measured",
        "tree build play.txt -o play.tree",
        "compress play.txt --model tree:3 -o play.ec",
        f"elasticity {trees}",
    )
    experiments = calls(
        "demo",
        "experiment rebound",
        "report .",
        "mass play.txt",
        "synth drawn",
        f"elasticity {trees} --order sequential",
        code=2,
    )
    models = calls(
        "measure play.txt --model hf:gpt2",
        "pretrain play.txt --model scratch:0.3M --tokens 100 --out pretrained",
        code=1,
    )
    printed = install("")(COMMANDS, json.dumps([*done, *experiments, *models]))
    assert "no figures: matplotlib is not installed" in printed
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    remedies = [error.partition(" is not installed; ")[2] for error in errors]
    experiments_remedy, models_remedy = (
        f"pip install 'elastic-core[{extra}]'" for extra in ("experiments", "lm")
    )
    assert remedies == [experiments_remedy] * len(experiments) + [models_remedy] * len(models)


def test_experiments_on_tree_models_and_reports_need_no_torch(
    install: Callable[[str], Environment], tmp_path: Path, play: Path
) -> None:
    assert not {"torch", "transformers"} & installed("experiments")
    config = write_reviews(tmp_path) | {"align": [24], "dose": [8], "seeds": 1}
    (tmp_path / "rebound.yaml").write_text(yaml_text(config))
    study = "experiment rebound --config rebound.yaml --jobs 1"
    done = calls(
        f"{study} --out run",
        "report run --out report",
        "synth drawn",
        f"mass {play} --bootstrap 0",
        "demo --help",
    )
    network = calls(f"{study} model=scratch:0.3M pretrain.tokens=1000", code=1)
    printed = install("experiments")(COMMANDS, json.dumps([*done, *network]))
    assert printed.endswith("torch is not installed; pip install 'elastic-core[train]'\n")
    assert list((tmp_path / "report").glob("figures/*.png"))
    assert (tmp_path / "report" / "report.html").is_file()


def test_lm_reads_a_checkpoint_and_train_trains_it(
    install: Callable[[str], Environment],
    checkpoint: Path,
    play: Path,
    tmp_path: Path,
) -> None:
    assert not {"trl", "datasets", "scikit-learn"} & installed("lm")
    assert installed("train") >= installed("lm") | installed("experiments")
    link(installed("train") - installed("lm"), tmp_path / "site-packages")
    script = """
import sys
import elastic_core as ec
_, play, checkpoint, added = sys.argv
assert ec.measure(play, models=[checkpoint]).corpora[0].model_rates[0].bits_per_byte
sys.path.append(added)
recipe = ec.Recipe(learning_rate=1e-3, batch=2, accumulation=1, device="cpu", dtype="float32")
rows = [{"prompt": "To be", "completion": " or not"}, {"prompt": "To", "completion": " sleep"}]
ec.train(checkpoint, rows, recipe, "trained")
"""
    install("lm")(script, play, checkpoint, tmp_path / "site-packages")
    assert (tmp_path / "trained" / "trained.json").exists()


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_constraints_name_every_library_of_an_extra(extra: str) -> None:
    lines = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    constrained = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    direct = {Requirement(line).name for line in required("elastic-core", {extra})}
    assert direct - {"elastic-core"} <= constrained


def test_the_conda_packages_require_what_pip_installs() -> None:
    file = Path(__file__).parents[2] / "packaging" / "conda" / "recipe.yaml"
    recipe = parse_yaml_file(file)
    assert recipe["context"]["version"] == elastic_core.__version__
    base, experiments = recipe["outputs"]
    for output, wanted in (
        (base, PROJECT["dependencies"]),
        (experiments, PROJECT["optional-dependencies"]["experiments"]),
    ):
        packages = output["requirements"]["run"]
        given = [name for name in packages if not name.startswith(("python", "elastic-core"))]
        plain = [line.lower().replace("matplotlib>=", "matplotlib-base>=") for line in wanted]
        assert [line.replace(" ", "") for line in given] == sorted(plain)
