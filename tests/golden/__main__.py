"""Golden runs: runs every command on small inputs, and compares two such runs.

    python tests/golden run before [--python PYTHON] [--only NAME...]
    python tests/golden run after
    python tests/golden compare before after

`run` writes the inputs and runs the commands of `cases.py`. For a case NAME, `NAME/done.json` has
the exit codes and output, `NAME/files/` the files written. `compare` prints a line per difference
and exits with 1 if there is one; `comparison.py` defines what counts as a difference.
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cases import CASES, write_inputs
from comparison import compare

_PROGRAM = "from elastic_core.cli import main; main()"
_ABOUT = "import elastic_core as ec, sys; print(ec.__file__, ec.__version__, sys.version)"
_MOST_SECONDS = 600


def main() -> int:
    """Runs the command line.

    Returns:
        The exit code: 1 if there are differences.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run every command in DIR")
    run.add_argument("folder", metavar="DIR", type=Path)
    run.add_argument("--python", default=sys.executable, help="with the elastic_core to run")
    run.add_argument("--only", nargs="+", metavar="NAME", choices=CASES, default=list(CASES))
    run.add_argument("--jobs", type=int, default=2, help="cases at once")
    run.set_defaults(job=lambda o: run_all(o.folder, o.python, o.only, o.jobs))
    both = commands.add_parser("compare", help="compare two runs")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    both.set_defaults(job=lambda o: compare_all(o.before, o.after))
    options = parser.parse_args()
    return int(options.job(options))


def run_all(folder: Path, python: str, names: list[str], jobs: int) -> int:
    """Runs cases, each in a new folder, and prints how long each took."""
    folder = folder.resolve()
    about = subprocess.run(
        [python, "-P", "-c", _ABOUT], env=_environment(), capture_output=True, text=True, check=True
    )
    print(about.stdout.strip(), flush=True)
    inputs = folder / "inputs"
    shutil.rmtree(inputs, ignore_errors=True)
    write_inputs(inputs)
    start = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        for line in pool.map(lambda name: _run_case(folder / name, python, CASES[name]), names):
            print(line, flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{time.monotonic() - start:.0f} s in all, {cpu:.0f} s of the processors")
    return 0


def _run_case(folder: Path, python: str, commands: tuple[str, ...]) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "files"
    files.mkdir(parents=True)
    (files / "in").symlink_to(folder.parent / "inputs")
    start = time.monotonic()
    done = [_run(files, python, command) for command in commands]
    (files / "in").unlink()
    record = {"folder": str(folder.parent), "commands": done}
    (folder / "done.json").write_text(json.dumps(record, indent=1))
    failed = [entry["command"] for entry in done if entry["code"] and folder.name != "errors"]
    lines = [f"{folder.name}: {len(done)} commands, {time.monotonic() - start:.1f} s"]
    return "\n".join([*lines, *(f"  failed: {command}" for command in failed)])


def _run(folder: Path, python: str, command: str) -> dict[str, Any]:
    """Runs one command; returns its record."""
    words = shlex.split(command)
    stdin = b""
    if "<" in words:
        *words, _, file = words
        stdin = (folder / file).read_bytes()
    call = ["-c", *words[1:]] if words[:1] == ["python"] else ["-c", _PROGRAM, *words]
    done = subprocess.run(
        [python, "-P", *call],
        cwd=folder,
        env=_environment(),
        input=stdin,
        capture_output=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    out, err = (stream.decode("utf-8", "backslashreplace") for stream in (done.stdout, done.stderr))
    return {"command": command, "code": done.returncode, "out": out, "err": err}


def _environment() -> dict[str, str]:
    """A user's environment: a terminal of 80 columns, no network, one thread for torch."""
    return {
        **os.environ,
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "agg",
    }


def compare_all(before: Path, after: Path) -> int:
    """Compares two runs and prints their differences."""
    result = compare(before, after)
    for name, count in result.counts.items():
        print(f"{name}: {count:,} things compared, {result.of_case(name):,} differences")
    for line in result.differences:
        print(line)
    print(f"{sum(result.counts.values()):,} things compared, {len(result.differences)} differences")
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
