"""The golden run: every command on small inputs, and whether two such runs came to the same.

    python tests/golden run before [--python PYTHON] [--only NAME...]
    python tests/golden run after
    python tests/golden compare before after

`run` makes its inputs, runs the commands of `cases.py` and keeps the outcome of each case NAME:
`NAME/done.json` has the exit codes and what was printed, `NAME/files/` what was written. `compare`
prints a line for each difference and ends with 1 if there is one; `comparison.py` says what counts.
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
    """Does what the command line says.

    Returns:
        The exit code: 1 where there are differences.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run every command in DIR")
    run.add_argument("folder", metavar="DIR", type=Path)
    run.add_argument("--python", default=sys.executable, help="with the elastic_core to run")
    run.add_argument("--only", nargs="+", metavar="NAME", choices=CASES, default=list(CASES))
    run.add_argument("--jobs", type=int, default=2, help="cases at once")
    run.set_defaults(job=lambda said: run_all(said.folder, said.python, said.only, said.jobs))
    both = commands.add_parser("compare", help="compare two runs")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    both.set_defaults(job=lambda said: compare_all(said.before, said.after))
    said = parser.parse_args()
    return int(said.job(said))


def run_all(folder: Path, python: str, names: list[str], jobs: int) -> int:
    """Runs cases, each in a new folder, and says how long each took."""
    folder = folder.resolve()
    about = subprocess.run(
        [python, "-P", "-c", _ABOUT], env=_environment(), capture_output=True, text=True, check=True
    )
    print(about.stdout.strip(), flush=True)
    inputs = folder / "inputs"
    shutil.rmtree(inputs, ignore_errors=True)
    write_inputs(inputs)
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        for told in pool.map(lambda name: _run_case(folder / name, python, CASES[name]), names):
            print(told, flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{time.monotonic() - began:.0f} s in all, {cpu:.0f} s of the processors")
    return 0


def _run_case(folder: Path, python: str, commands: tuple[str, ...]) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "files"
    files.mkdir(parents=True)
    (files / "in").symlink_to(folder.parent / "inputs")
    began = time.monotonic()
    done = [_run(files, python, command) for command in commands]
    (files / "in").unlink()
    kept = {"folder": str(folder.parent), "commands": done}
    (folder / "done.json").write_text(json.dumps(kept, indent=1))
    failed = [each["command"] for each in done if each["code"] and folder.name != "errors"]
    lines = [f"{folder.name}: {len(done)} commands, {time.monotonic() - began:.1f} s"]
    return "\n".join([*lines, *(f"  failed: {each}" for each in failed)])


def _run(folder: Path, python: str, command: str) -> dict[str, Any]:
    """Runs one command; what is kept of it."""
    words = shlex.split(command)
    given = b""
    if "<" in words:
        *words, _, file = words
        given = (folder / file).read_bytes()
    call = ["-c", *words[1:]] if words[:1] == ["python"] else ["-c", _PROGRAM, *words]
    done = subprocess.run(
        [python, "-P", *call],
        cwd=folder,
        env=_environment(),
        input=given,
        capture_output=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    out, err = (each.decode("utf-8", "backslashreplace") for each in (done.stdout, done.stderr))
    return {"command": command, "code": done.returncode, "out": out, "err": err}


def _environment() -> dict[str, str]:
    """That of a user at a terminal of 80 columns, without network, with one thread for torch."""
    return {
        **os.environ,
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "agg",
    }


def compare_all(before: Path, after: Path) -> int:
    """Compares two runs and says what was found."""
    found = compare(before, after)
    for name, count in found.counts.items():
        print(f"{name}: {count:,} things compared, {found.of_case(name):,} differences")
    for line in found.differences:
        print(line)
    print(f"{sum(found.counts.values()):,} things compared, {len(found.differences)} differences")
    return 1 if found.differences else 0


if __name__ == "__main__":
    sys.exit(main())
