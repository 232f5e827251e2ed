"""The files of a folder of synthetic corpora: rows, `truth.json` and `leaves.csv`."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elastic_core.report.synth import json_text
from elastic_core.synthesis.result import SynthResult


def rows_of(words: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """The row of a corpus's file for each leaf, shape (leaves,)."""
    rows: NDArray[np.bytes_] = np.char.add(np.char.add(b'{"text": "', words), b'"}\n')
    return rows


def write_truth(result: SynthResult, folder: Path) -> None:
    """Writes `leaves.csv` and `truth.json`.

    Args:
        result: The corpora.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    with (folder / "leaves.csv").open("w", encoding="ascii", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["leaf", *(corpus.name for corpus in result.config.corpora)])
        columns = (result.words.astype(str).tolist(), *result.probabilities.tolist())
        writer.writerows(zip(*columns, strict=True))
    (folder / "truth.json").write_text(json_text(result), "utf-8")
