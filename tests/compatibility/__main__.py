"""Writes files of every format, which all later versions must read: one folder for each release.

    python tests/compatibility [FOLDER]

Writes the folder of the installed version beside this file unless it exists, with small files and
`expected.json`, the values that were read from them. `tests/python/test_compatibility.py` reads the
folders of all releases.
"""

import contextlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from reading import values

import elastic_core as ec

HERE = Path(__file__).parent
EXPECTED = "expected.json"

TEXT = "to be, or not to be, that is the question:\nwhether 'tis nobler in the mind to suffer\n"
CALLS = (
    "tree build text.txt -o chunk.tree.parquet --depth 3",
    "tree build text.txt -o window.tree.parquet --depth 2 --segment window",
    "tree build text.txt -o bits.tree.parquet --depth 4 --alphabet bit",
    "compress text.txt -o online.ec --model tree:3",
    "compress text.txt -o saved.ec --model model/model.ectm",
    "compress text.txt -o static.ec --model static:2",
    "measure text.txt --depth 2 --model tree:2 --out measure --per-document scores.parquet",
    "mass text.txt --depth 1 --bootstrap 2 --out mass",
    "elasticity --pretrain a.jsonl --align b.jsonl --perturb a.jsonl --bootstrap 2 --out law",
    "synth synth --leaves 4 --corpus a=1:20 --corpus b=1+2:20",
    "experiment rebound --config rebound.yaml --out run --jobs 1",
)
CONFIGURATION = """
model: tree:2
data:
  positive: {source: a.jsonl, label: 1}
  negative: {source: a.jsonl, label: 0}
  prompt_words: 1
pretrain: {corpus: text.txt}
held_out: {prompts: 4, tokens: 4, texts: 2}
scorer: {rows: 4}
align: [3]
reverse: [2]
seeds: 1
"""
# Figures and pages are no input of anything.
NOT_KEPT = (
    *("*/*.png", "*/*.svg", "law/result.json", "rebound.yaml"),
    *("run/report", "run/.lock", "run/checkpoints/.locks"),
)


def write(folder: Path) -> None:
    """Writes the files of this version into an empty folder."""
    (folder / "text.txt").write_text(TEXT)
    words = TEXT.replace("\n", " ").split()
    for name, others in (("a", words), ("b", words[::-1][:9])):
        rows = [{"text": f"{one} {two}", "label": len(two) % 2} for one in words for two in others]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rebound.yaml").write_text(CONFIGURATION)
    with contextlib.chdir(folder):
        ec.train("tree:3", [{"text": TEXT}], ec.Recipe(), "model", seed=1)
    for call in CALLS:
        program = [sys.executable, "-c", "from elastic_core.cli import main; main()"]
        subprocess.run([*program, *call.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for place in (place for pattern in NOT_KEPT for place in folder.glob(pattern)):
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    for file in folder.glob("*/*.json"):  # The same wherever they are written.
        file.write_text(file.read_text().replace(platform.platform(), "Linux"))
    expected = json.dumps(values(folder), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / EXPECTED).write_text(expected + "\n")


def main() -> int:
    """Runs the command line.

    Returns:
        The exit code.
    """
    target = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / ec.__version__)
    if target.exists():
        print(f"error: {target} exists; files of a release never change", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        shutil.copytree(folder, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
