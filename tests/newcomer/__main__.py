"""Plays a newcomer: installs a wheel in an empty environment, and follows README and your-model.md.

    maturin build --release --out dist
    python tests/newcomer dist/elastic_core-*.whl FOLDER [--model M --positive A --negative B]

FOLDER must not exist. It gets the environment, a home without caches, and whatever the commands
write. The libraries are those of `constraints.txt`, and are downloaded. Without `--model`, a small
one is pre-trained first. Prints a line per command with its exit code and seconds, and exits with
1 if a command does not exit as it should.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Command:
    """A command line for bash, and how it should exit."""

    line: str
    code: int = 0


def installing(wheel: Path, extra: str) -> Command:
    constraints = ROOT / "constraints.txt"
    return Command(f"pip install --no-cache-dir -c {constraints} '{wheel}[{extra}]'")


FIRST = (
    Command("elastic-core"),
    Command("printf 'to be or not to be' | elastic-core measure - --depth 3"),
    Command("elastic-core demo --no-open"),
    Command("elastic-core measure README.md --explain"),
)
"""README's first screen and the demo, which takes a tree model as torch is not there yet."""

NETWORK = (Command("elastic-core demo network --no-open"),)

OWN_DATA = (
    Command("elastic-core synth language speech --documents 4k --rows 200 --opening 4"),
    Command(
        "elastic-core pretrain speech/pretrain.jsonl --model scratch:0.3M --tokens 1M --out base"
    ),
)
"""A model and two sides of 200 rows for whoever has none."""


def own_model(model: Path, positive: Path, negative: Path) -> list[Command]:
    """From `experiment init` to reports of two studies; then calls that are wrong."""
    sides = f"--positive {positive} --negative {negative}"
    commands = []
    for study in ("reversion", "rebound"):
        commands += [
            Command(f"elastic-core experiment init {study} --model {model} {sides}"),
            Command(
                f"elastic-core experiment {study} --config {study}.yaml --dry-run --out {study}"
            ),
            Command(f"elastic-core experiment {study} --config {study}.yaml --out {study}"),
            Command(f"elastic-core report {study} --out {study}-again"),
            Command(f"elastic-core runs {study}"),
        ]
    init = f"elastic-core experiment init reversion --model {model} --out wrong.yaml"
    return [
        *commands,
        Command(f"{init} --positive README.md --negative {negative}", code=2),
        Command(f"{init} --positive {positive} --negative none.jsonl", code=2),
        Command("elastic-core report speech-without-run", code=2),
    ]


def play(commands: Sequence[Command], folder: Path) -> bool:
    """Runs commands as a newcomer's shell would; prints a row for each.

    Returns:
        Whether all exit as they should.
    """
    home, programs = folder / "home", folder / "environment" / "bin"
    home.mkdir(exist_ok=True)
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {
        **passed,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(programs), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LC_ALL": "C.UTF-8",
    }
    is_right = True
    for command in commands:
        start = time.monotonic()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.line],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - start
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ {command.line}\n{done.stdout}{done.stderr}\n")
        print(f"| `{command.line}` | {done.returncode} | {seconds:.1f} |", flush=True)
        if done.returncode != command.code or "Traceback" in done.stderr:
            is_right = False
            print(f"expected {command.code}\n{done.stderr}", file=sys.stderr)
    return is_right


def main() -> int:
    """Runs the command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("wheel", metavar="WHEEL", type=Path)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--model", metavar="DIR", type=Path)
    parser.add_argument("--positive", metavar="FILE", type=Path)
    parser.add_argument("--negative", metavar="FILE", type=Path)
    options = parser.parse_args()
    own = [options.model, options.positive, options.negative]
    if any(own) != all(own):
        parser.error("--model, --positive and --negative go together")
    folder = options.folder.resolve()
    folder.mkdir(parents=True)
    (folder / "README.md").write_bytes((ROOT / "README.md").read_bytes())
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    wheel = options.wheel.resolve(strict=True)
    own_data: Sequence[Command] = ()
    if all(own):
        own = [path.resolve(strict=True) for path in own]
    else:
        own = [Path("base"), Path("speech/positive.jsonl"), Path("speech/negative.jsonl")]
        own_data = OWN_DATA
    print("| command | exit code | seconds |\n| :-- | --: | --: |")
    steps = [
        installing(wheel, "experiments"),
        *FIRST,
        installing(wheel, "train"),
        *NETWORK,
        *own_data,
        *own_model(*own),
    ]
    return 0 if play(steps, folder) else 1


sys.exit(main())
