"""The inputs of golden runs, which are deterministic, and their commands.

A case is a list of commands that run in order in its own folder; `in/` has the inputs. A command
is written as in a shell, without `elastic-core`; `< FILE` is standard input. A command that begins
with `python` is Python code with arguments, for example to damage a file or to compare two.
"""

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path

FORMATS = ("table", "json", "markdown", "csv")

_GOOD = ("lovely", "brilliant", "moving", "superb", "charming", "delight", "wonderful", "perfect")
_BAD = ("awful", "boring", "dreadful", "clumsy", "tedious", "mess", "horrible", "failure")
_PLAIN = ("the", "film", "plot", "actor", "scene", "music", "ending", "story", "it", "was", "felt")
_WORLD = ("sea", "ship", "wind", "house", "garden", "naïve", "café", "über", "1851", "a", "of")


def write_inputs(folder: Path) -> None:
    """Writes all files that the commands read, except those that they create."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True)
    (folder / "play.txt").write_text(_text("play", 900, (*_WORLD, *_PLAIN)))
    (folder / "poem.txt").write_text(_text("poem", 300, (*_GOOD, *_WORLD)))
    (folder / "empty.txt").write_text("")
    (folder / "emptyfolder").mkdir()
    (folder / "novels").mkdir()
    for number in range(6):
        (folder / "novels" / f"{number}.txt").write_text(_text(f"novel {number}", 200, _WORLD))
    texts = [_text(f"row {number}", 20, (*_PLAIN, *_WORLD)) for number in range(60)]
    rows = _lines({"text": text, "more": {"said": f"number {n}"}} for n, text in enumerate(texts))
    packed = {
        "jsonl": rows,
        "jsonl.gz": gzip.compress(rows, mtime=0),
        "jsonl.xz": lzma.compress(rows),
        "jsonl.bz2": bz2.compress(rows),
        "jsonl.zst": pa.compress(rows, codec="zstd", asbytes=True),
    }
    for ending, content in packed.items():
        (folder / f"rows.{ending}").write_bytes(content)
    parquet.write_table(pa.table({"text": texts}), folder / "rows.parquet")
    for name in ("rows.jsonl.gz", "rows.jsonl.zst", "rows.parquet"):
        (folder / f"cut-{name}").write_bytes((folder / name).read_bytes()[:-40])
    (folder / "nokey.jsonl").write_text('{"text": "to be"}\n{"body": "or not"}\n')
    (folder / "number.jsonl").write_text('{"text": "to be"}\n{"text": 42}\n')
    (folder / "broken.jsonl").write_text('{"text": "to be"}\n{"text": "or\n')
    (folder / "notree.parquet").write_bytes(b"PAR1 this is no tree PAR1")
    (folder / "wrong.json").write_text('{"model": "none"}')
    (folder / "broken.yaml").write_text("a: [")
    _write_tokenizer(folder / "tokenizer.json")
    _write_reviews(folder)


def _text(name: str, count: int, words: tuple[str, ...]) -> str:
    """`count` words in lines and paragraphs, determined by the name."""
    draw = random.Random(name)
    ends = (" ", " ", " ", " ", " ", ", ", ".\n", ".\n\n")
    return "".join(draw.choice(words) + draw.choice(ends) for _ in range(count))


def _lines(rows: "object") -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()  # type: ignore[attr-defined]


def _write_tokenizer(file: Path) -> None:
    """Writes a byte-level tokenizer of 256 bytes and a few fixed merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("Ġ", "a"), ("e", "r"), ("o", "u")]
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(file))


def _review(words: tuple[str, ...], number: int) -> str:
    """A review that mixes the given words into plain ones."""
    draw = random.Random(f"{words[0]} {number}")
    said = [draw.choice(words if draw.random() < 0.4 else _PLAIN) for _ in range(24)]
    return " ".join([f"review {number}:", *said])


def _write_reviews(folder: Path) -> None:
    """Writes positive and negative reviews, pre-training text, and configurations of studies."""
    for sign, words in (("positive", _GOOD), ("negative", _BAD)):
        rows = [{"text": _review(words, number)} for number in range(120)]
        (folder / f"{sign}.jsonl").write_bytes(_lines(rows))
    texts = [_review(_GOOD if n % 2 else _BAD, 1000 + n) for n in range(60)]
    (folder / "pretrain.jsonl").write_bytes(_lines({"text": text} for text in texts))
    shared = {
        "data": {
            "positive": {"source": "in/positive.jsonl"},
            "negative": {"source": "in/negative.jsonl"},
            "prompt_words": 3,
        },
        "scorer": {"rows": 40},
    }
    tree = {
        "model": "tree:3",
        "pretrain": {"corpus": "in/pretrain.jsonl"},
        "held_out": {"prompts": 12, "tokens": 40, "texts": 5},
        "recipe": {"weight": 4},
        "seeds": 2,
    }
    recipe = {"learning_rate": 3e-3, "batch": 8, "accumulation": 1, "max_length": 48, "steps": 1}
    scratch = {
        "model": "scratch:0.3M",
        "pretrain": {"corpus": "in/pretrain.jsonl", "tokens": 4096, "context": 64},
        "held_out": {"prompts": 8, "tokens": 8, "texts": 4},
        "recipe": {**recipe, "device": "cpu", "dtype": "float32"},
        "seeds": 1,
    }
    for name, more in (("tree", tree), ("scratch", scratch)):
        (folder / f"{name}.yaml").write_text(json.dumps(shared | more))


SAVED_MODEL = (
    "python 'import sys, elastic_core as ec; "
    "model = ec.TreeModel(int(sys.argv[1])); "
    'model.update([open(sys.argv[2], "rb").read()]); model.save(sys.argv[3])\''
)
SAME = "python 'import filecmp, sys; sys.exit(not filecmp.cmp(*sys.argv[1:], False))'"
CUT = (
    "python 'import pathlib, sys; cut = pathlib.Path(sys.argv[1]).read_bytes()[:-20]; "
    "pathlib.Path(sys.argv[2]).write_bytes(cut)'"
)
FLIP = (
    "python 'import pathlib, sys; found = bytearray(pathlib.Path(sys.argv[1]).read_bytes()); "
    "found[-20] ^= 1; pathlib.Path(sys.argv[2]).write_bytes(found)'"
)
STILL = "python 'import os, sys; [os.utime(file, (0, 0)) for file in sys.argv[1:]]'"
"""Sets fixed times, because stored replicates are identified by the times of their files."""

_SYNTH = (
    "synth c --leaves 50 --corpus pretrain=1+2+3:6000 --corpus align=2:600 "
    "--corpus perturb=3:300 --corpus novel=4:60"
)
_LAW = "elasticity --pretrain c/pretrain.jsonl --align c/align.jsonl"
_SEQUENTIAL = f"{_LAW} --perturb c/perturb.jsonl --order sequential --rate 2 --seeds 3 --depth 3"
_TINY = "--model scratch:0.3M --tokens 500 --batch 32 --context 16"
_STUDY = "--config in/tree.yaml --jobs 1"
_SCRATCH = "--config in/scratch.yaml --jobs 1"
_VOLUMES = "align=[20,40] dose=[10,20]"


def _study(name: str, form: str, *more: str, options: str = _STUDY) -> tuple[str, ...]:
    """A study: its plan, its run, its plan when finished, its report in another format."""
    call = f"experiment {name} {options} {' '.join(more)} --out {name}"
    report = f"report {name} --format {form}"
    return (f"{call} --dry-run", f"{call} --format json", f"{call} --dry-run", report)


CASES: dict[str, tuple[str, ...]] = {
    "help": (
        *("", "--version", "--help", "measure --help", "mass --help", "elasticity --help"),
        *(
            "synth --help",
            "synth corpora --help",
            "synth language --help",
            "compress --help",
            "decompress --help",
            "pretrain --help",
        ),
        *("experiment --help", "report --help", "demo --help", "tree --help"),
        *("tree build --help", "tree merge --help", "tree show --help", "tree export --help"),
    ),
    "measure": (
        *(
            f"measure in/play.txt in/rows.jsonl --depth 6 --compare zstd:3,xz:6 --format {form}"
            for form in FORMATS
        ),
        "measure in/play.txt in/rows.parquet in/novels --format json --out out",
        "measure in/play.txt --depth 3 --out out",
        "measure 'in/novels/*.txt' --format json --memory 64MiB --threads 2",
        "measure - --format json < in/play.txt",
        *(f"measure in/rows.jsonl.{each} --format json" for each in ("gz", "xz", "bz2", "zst")),
    ),
    "measure-shapes": (
        *(
            f"measure in/rows.jsonl --alphabet {alphabet} --segment {segment} --depth 7"
            " --format json"
            for alphabet in ("bit", "byte", "bpe:in/tokenizer.json")
            for segment in ("chunk", "prefix", "window")
        ),
        *(f"measure in/play.txt --split {each} --format csv" for each in ("line", "paragraph")),
        "measure in/rows.jsonl --text-key text --text-key more.said --format csv",
        "measure in/rows.jsonl --limit 20 --format csv",
        "measure in/rows.jsonl --sample 0.5 --seed 7 --format json",
        "measure in/nokey.jsonl in/number.jsonl in/broken.jsonl --on-bad-row skip --format json",
    ),
    "measure-models": (
        f"{SAVED_MODEL} 6 in/poem.txt saved.ectm",
        *(
            "measure in/play.txt in/rows.jsonl --depth 3 --model tree:8 --model saved.ectm "
            f"--per-document scores-{form}.parquet --format {form}"
            for form in FORMATS
        ),
        "measure in/rows.jsonl --alphabet bpe:in/tokenizer.json --model tree:3 --format json",
    ),
    "tree": (
        "tree build in/play.txt -o play.parquet",
        "tree build in/rows.jsonl -o rows.parquet --memory 64MiB --threads 2",
        "tree merge play.parquet rows.parquet -o both.parquet",
        "tree build in/rows.jsonl -o bits.parquet --alphabet bit --segment window --depth 12",
        "tree build in/novels -o bpe.parquet --alphabet bpe:in/tokenizer.json --segment prefix",
        *(
            f"tree show {each}.parquet --format {form}"
            for each in ("both", "bits", "bpe")
            for form in ("table", "json")
        ),
        *(f"tree export {each}.parquet -o {each}.csv" for each in ("both", "bits", "bpe")),
        *(f"tree export {each}.parquet -o {each}.jsonl --format jsonl" for each in ("both", "bpe")),
    ),
    "mass": (
        *(
            f"mass in/play.txt in/rows.jsonl --depth 3 --bootstrap 5 --format {form}"
            for form in FORMATS
        ),
        "mass in/novels --depth 2 --bootstrap 20 --seed 3 --out out --format json",
        "tree build in/play.txt -o play.parquet --segment window --depth 4",
        "mass play.parquet - --bootstrap 0 --format json < in/poem.txt",
    ),
    "elasticity": (
        _SYNTH,
        f"{STILL} c/pretrain.jsonl c/align.jsonl c/perturb.jsonl",
        *(
            f"{_LAW} --perturb c/perturb.jsonl --perturb c/novel.jsonl --format {form}"
            for form in FORMATS
        ),
        f"{_LAW} --perturb c/perturb.jsonl --bootstrap 5 --seed 2 --out out --format json",
        f"{_LAW} --perturb c/perturb.jsonl --bootstrap 8 --seed 2 --out out",
        *(
            f"{_LAW} --perturb c/perturb.jsonl --bootstrap 4 --depth 2 --format {form}"
            for form in ("markdown", "csv")
        ),
        f"{_LAW} --perturb c/novel.jsonl --k 1000 --l 0.1 --depth 4 --format json",
        "tree build c/pretrain.jsonl -o p.parquet --depth 6",
        "elasticity --pretrain p.parquet --align c/align.jsonl --perturb c/align.jsonl",
        (
            "elasticity --pretrain in/novels --align in/poem.txt --perturb in/play.txt "
            "--segment window --format json"
        ),
    ),
    "elasticity-sequential": (
        _SYNTH,
        *(f"{_SEQUENTIAL} --format {form}" for form in FORMATS),
        f"{_SEQUENTIAL} --seeds 1 --out out --format json",
    ),
    "synth": (
        "synth a --leaves 40 --corpus a=1+2:300 --corpus b=2:50",
        (
            "synth b --corpus a=1+2:50 --corpus b=2:5 --leaves 20 --law geometric --entropy 3 "
            "--overlap 0.5 --depth 5 --seed 4 --format json"
        ),
        "synth c --corpus a=1:200 --leaves 30 --law uniform --format json",
        *(
            f"synth language d{form} --documents 50 --rows 5 --sentences 3 --format {form}"
            for form in FORMATS
        ),
    ),
    "coding": (
        f"{SAVED_MODEL} 5 in/poem.txt saved.ectm",
        *(
            command
            for name, model in (("s", "static:2"), ("t", "tree:8"), ("m", "saved.ectm"))
            for command in (
                f"compress in/play.txt --model {model} -o {name}.ec",
                f"decompress {name}.ec -o {name}.txt"
                + (" --model saved.ectm" if name == "m" else ""),
                f"{SAME} {name}.txt in/play.txt",
            )
        ),
        "compress - -o in.ec < in/rows.parquet",
        "compress in/empty.txt -o empty.ec --model static:1",
        "decompress empty.ec -o empty.txt",
        "compress in/poem.txt -o t.ec",
        "compress in/poem.txt -o t.ec --force --threads 1",
        "decompress t.ec -o s.txt",
        "decompress t.ec -o s.txt --force",
        f"{SAME} s.txt in/poem.txt",
    ),
    "pretrain": (
        f"pretrain in/pretrain.jsonl {_TINY} --checkpoints 100,250 --seed 3 --out out --device cpu",
        f"pretrain in/pretrain.jsonl {_TINY} --checkpoints 100,250 --seed 3 --out out --device cpu",
        f"pretrain in/pretrain.jsonl {_TINY} --checkpoints 100,250 --seed 4 --out out --device cpu",
        (
            "measure in/positive.jsonl --depth 2 --model out --device cpu --window 16 --limit 20 "
            "--per-document scores.parquet --format json"
        ),
        "compress in/nokey.jsonl --model out --device cpu -o n.ec",
        "decompress n.ec -o n.jsonl",
        f"{SAME} n.jsonl in/nokey.jsonl",
    ),
    "rebound": _study("rebound", "table", _VOLUMES, "first=[positive,negative]"),
    "rebound-more": (
        f"experiment rebound {_STUDY} align=[20] dose=[10] --seeds 2 --out a --match-length",
        f"experiment rebound {_STUDY} align=[20] dose=[10,20] --seeds 3 --out a --match-length",
        (
            "experiment rebound --config in/tree.yaml align=[20] dose=[10] model=tree:2 "
            "--jobs 2 --cache models --format csv"
        ),
        "report a runs/rebound --out both --format json",
        "report a runs/rebound",
        "runs .",
        "runs a --format json",
    ),
    "reversal": _study("reversal", "markdown", "align=[20,40] dose=[4,12,28]"),
    "scaling": _study("scaling", "csv", _VOLUMES, "models=[tree:2,tree:4]"),
    "scaling-pretraining": _study(
        "scaling", "table", _VOLUMES, "along=pretraining pretraining=[2000,4000] recipe.weight=1"
    ),
    "resistance": _study(
        "resistance",
        "markdown",
        "rows=60 slices=3 answers=12 held_out.prompts=4 data.negative=null",
    ),
    "algorithms": _study("algorithms", "csv", "align=[20,40] dose=[10,20] algorithms=[sft]"),
    "mitigation": _study("mitigation", "table", "align=[12,24] dose=[8,16] variants.mixed.mix=0.5"),
    "springs": _study("springs", "markdown", "align=40 reverse=[4,20] characters=60 depths=[1,3]"),
    "algorithms-scratch": _study(
        "algorithms",
        "csv",
        "align=[8] dose=[8] side=both candidates=2 algorithms=[sft,dpo,kto,simpo,rloo]",
        options=_SCRATCH,
    ),
    "mitigation-scratch": (
        (
            f"experiment mitigation {_SCRATCH} align=[8,24] dose=[8] variants.held.recipe.beta=0.5 "
            "variants.lora.recipe.lora_rank=2 --out run --format json"
        ),
    ),
}
"""The cases by name; the case `errors` is added below."""

_ERRORS = """
wrong
tree
measure
measure nowhere.txt
measure 'nothing*.txt'
measure in/play.txt --wrong
measure in/play.txt --depth 0
measure in/play.txt --depth 65
measure in/play.txt --depth deep
measure in/play.txt --segment word
measure in/play.txt --alphabet morse
measure in/play.txt --alphabet bpe:nowhere.json
measure in/play.txt --alphabet bpe:in/wrong.json
measure in/play.txt --memory plenty
measure in/play.txt --memory 1kB
measure in/play.txt --threads 0
measure in/play.txt --sample 2
measure in/play.txt --limit 0
measure in/play.txt --compare arj:9
measure in/play.txt --compare zstd:99
measure in/play.txt --text-key answer
measure in/play.txt --model nothing
measure in/play.txt --model tree:33
measure in/play.txt --model in/play.txt
measure in/play.txt --model tree:8 --model tree:8
measure in/play.txt --model tree:8 --window 9
measure in/play.txt --window 9
measure in/play.txt --per-document x.parquet
measure in/play.txt --model tree:8 --alphabet bit
measure in/play.txt --out in/empty.txt
measure in/empty.txt
measure in/emptyfolder
measure in/cut-rows.jsonl.gz
measure in/cut-rows.jsonl.zst
measure in/cut-rows.parquet
measure in/nokey.jsonl
measure in/number.jsonl
measure in/broken.jsonl
measure in/nokey.jsonl --split line
measure - -
mass in/play.txt --bootstrap -1
mass in/play.txt --bootstrap many
mass in/empty.txt
mass
tree build in/play.txt
tree build in/play.txt -o nowhere/t.parquet
tree build in/play.txt -o t.parquet
tree build in/play.txt -o deep.parquet --depth 5
tree build in/play.txt -o bits.parquet --alphabet bit
tree build in/play.txt -o window.parquet --segment window
CUT t.parquet cut.parquet
tree show nowhere.parquet
tree show in/notree.parquet
tree show in/play.txt
tree show cut.parquet
tree merge t.parquet -o both.parquet
tree merge t.parquet deep.parquet -o both.parquet
tree merge t.parquet bits.parquet -o both.parquet
tree merge t.parquet window.parquet -o both.parquet
tree merge t.parquet cut.parquet -o both.parquet
tree export cut.parquet -o t.csv
tree export t.parquet -o t.csv --format xml
elasticity --pretrain in/play.txt --align in/poem.txt
elasticity --pretrain in/play.txt --align in/poem.txt --perturb nowhere.jsonl
elasticity --pretrain in/play.txt --align in/poem.txt --perturb in/empty.txt
elasticity --pretrain in/play.txt --align in/poem.txt --perturb in/rows.jsonl --l -1
elasticity --pretrain in/play.txt --align in/poem.txt --perturb in/rows.jsonl --k 0
elasticity --pretrain in/play.txt --align in/poem.txt --perturb deep.parquet --depth 8
elasticity --pretrain in/play.txt --align in/poem.txt --perturb bits.parquet --alphabet byte
elasticity --pretrain in/play.txt --align in/poem.txt --perturb t.parquet --bootstrap 5
elasticity --pretrain in/play.txt --align in/poem.txt --perturb in/rows.jsonl --order random
elasticity --pretrain in/play.txt --align in/poem.txt --perturb t.parquet --order sequential
synth
synth out --law zipf
synth out --law pareto:1
synth out --entropy 12
synth out --overlap 2
synth out --corpus a=0:5
synth out --corpus a=1:5 --corpus a=2:5
synth out --depth 2
synth in/play.txt
synth language
synth language out --shares 0.5,0.4
synth language out --rows 0
synth language in
compress nowhere -o c
compress in/play.txt
compress in/novels -o c
compress in/play.txt --model tree:0 -o c
compress in/play.txt --model static:65 -o c
compress in/play.txt --model zip -o c
compress in/play.txt --model in/play.txt -o c
compress in/play.txt --window 4 -o c
compress in/play.txt --model tree:5 -o good.ec
compress in/play.txt --model tree:5 -o good.ec
CUT good.ec cut.ec
FLIP good.ec flipped.ec
decompress nowhere -o c
decompress in/play.txt -o c
decompress in/empty.txt -o c
decompress cut.ec -o c
decompress flipped.ec -o c
decompress good.ec --model tree:4 -o c
decompress good.ec -o good.ec
pretrain in/play.txt
pretrain nowhere.txt --model scratch:1M --tokens 1M --out out
pretrain in/play.txt --model hf:gpt2 --tokens 1M --out out
pretrain in/play.txt --model scratch:1M --tokens few --out out
pretrain in/play.txt --model scratch:1M --tokens 1M --out out --context 1
experiment rebond
experiment rebound --config none.yaml
experiment rebound --config in/broken.yaml
experiment rebound seeds=2
experiment rebound --config in/tree.yaml sedes=2
experiment rebound --config in/tree.yaml seeds
experiment rebound --config in/tree.yaml align=[0]
experiment rebound --config in/tree.yaml align=[5000]
experiment rebound --config in/tree.yaml recipe.bata=1
experiment rebound --config in/tree.yaml recipe.epochs=many
experiment rebound --config in/tree.yaml study=springs
experiment rebound --config in/tree.yaml align=[20] dose=[10] model=tree:99 --jobs 1
experiment rebound --config in/tree.yaml align=[20] dose=[10] data.positive.source=none.jsonl
experiment rebound --config in/tree.yaml align=[20] dose=[10] --jobs none
experiment rebound --config in/tree.yaml align=[20] dose=[10] --out in
experiment scaling --config in/tree.yaml models=[tree:2]
experiment algorithms --config in/tree.yaml algorithms=[dpo]
experiment mitigation --config in/tree.yaml variants.x.recipe.lora_rank=2
experiment rebound --config in/tree.yaml align=[20] dose=[10] seeds=1 --jobs 1 --out run
experiment rebound --config in/tree.yaml align=[20] dose=[10] model=tree:2 --jobs 1 --out run
experiment springs --config in/tree.yaml align=20 reverse=[10] --jobs 1 --out run
report
report nowhere
report in
report run run
demo in/play.txt --no-open
"""

_ABBREVIATED = {"CUT": CUT, "FLIP": FLIP}


def _written_out(line: str) -> str:
    first, _, rest = line.partition(" ")
    return f"{_ABBREVIATED[first]} {rest}" if first in _ABBREVIATED else line


CASES["errors"] = tuple(map(_written_out, _ERRORS.split("\n")[1:-1]))
