"""The files of a folder of synthetic corpora: each corpus, `truth.json` and `leaves.csv`."""

import csv
from pathlib import Path

import numpy as np

from elastic_core.report.synth import json_text
from elastic_core.synthesis.draws import draw_segments
from elastic_core.synthesis.result import SynthResult


def write_result(result: SynthResult, folder: Path) -> None:
    """Writes `NAME.jsonl` for each corpus, `leaves.csv` and `truth.json`.

    Args:
        result: The corpora; their segments are drawn once more.
        folder: An existing folder.

    Raises:
        OSError: A file cannot be written.
    """
    rows = np.char.add(np.char.add(b'{"text": "', result.words), b'"}\n')
    for number, corpus in enumerate(result.config.corpora):
        mass = result.probabilities[number]
        with (folder / corpus.file).open("wb") as file:
            for block in draw_segments(mass, corpus.segments, number, result.config.seed):
                file.write(rows[block].tobytes())
    with (folder / "leaves.csv").open("w", encoding="ascii", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["leaf", *(corpus.name for corpus in result.config.corpora)])
        columns = (result.words.astype(str).tolist(), *result.probabilities.tolist())
        writer.writerows(zip(*columns, strict=True))
    (folder / "truth.json").write_text(json_text(result), "utf-8")
