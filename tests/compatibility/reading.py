"""Reads files of any version with the installed one, and lists the values in them."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

import elastic_core as ec
from elastic_core.common.files import read_json_lines
from elastic_core.experiments.run import open_run


def values(folder: Path) -> dict[str, Any]:
    """The values in the files that `__main__.py` wrote, ready for JSON."""
    text = (folder / "text.txt").read_bytes()
    model = ec.load_model(str(folder / "model" / "model.ectm"))
    run = open_run(folder / "run")
    return {
        "trees": {file.name: _tree(file) for file in sorted(folder.glob("*.tree.parquet"))},
        "trees of results": {
            file.parent.name: _tree(file) for file in sorted(folder.glob("*/tree.parquet"))
        },
        "model": {
            "bits": float(model.log_probs([text])[0].sum()),
            "identity": model.identity,
            "vocabulary": model.vocabulary,
        },
        "compressed": {file.name: _decompressed(file) for file in sorted(folder.glob("*.ec"))},
        "scores": pl.read_parquet(folder / "scores.parquet").to_dicts(),
        "replicates": len(read_json_lines(folder / "law" / "replicates.jsonl")),
        "run": {row["name"]: row for row in run.folder.rows()},
    }


def _tree(file: Path) -> dict[str, Any]:
    tree = ec.TokenTree.open(file)
    statistics = tree.statistics()
    return {
        "depth": tree.depth,
        "segment": tree.segment,
        "alphabet": tree.alphabet,
        "documents": tree.documents,
        "bytes": tree.bytes,
        "leaves": len(tree),
        "counts": [int(count) for count in tree.counts],
        "entropy": [depth.entropy_bits for depth in statistics.depths],
        "codebook": statistics.codebook_bytes,
    }


def _decompressed(file: Path) -> str:
    """The SHA-256 of the text in a compressed file, which names its model by a relative path."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        saved = {"model": str(file.parent / "model" / "model.ectm")}
        ec.decompress(file, text, **(saved if file.name == "saved.ec" else {}))
        return hashlib.sha256(text.read_bytes()).hexdigest()


def keys(value: Any, path: str = "") -> set[str]:
    """The paths of all keys in a document of JSON."""
    if isinstance(value, dict):
        return {path}.union(*(keys(item, f"{path}.{key}") for key, item in value.items()))
    if isinstance(value, list):
        return set().union(*(keys(item, f"{path}[]") for item in value))
    return {path}
