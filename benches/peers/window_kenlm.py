"""KenLM: count_ngrams on the ids as words, if that program is on PATH.

The source is in the kenlm package on PyPI; benches/README.md explains how to build it.
"""

import os
import shutil
import subprocess
import tempfile

import numpy as np
from contestant import contest, entry, skip

options = entry()
program = shutil.which("count_ngrams")
if program is None:
    skip("no count_ngrams on PATH")
words = options.work / "words.txt"
if not words.exists():
    ids, offsets = np.load(options.work / "ids.npy"), np.load(options.work / "offsets.npy")
    with words.open("w") as file:
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            file.write(" ".join(map(str, ids[start:end].tolist())) + "\n")


def build(_: object) -> None:
    """Writes the sorted n-grams and their counts to a file."""
    with (
        words.open("rb") as text,
        tempfile.TemporaryDirectory(dir=options.work) as folder,
        tempfile.TemporaryFile(dir=options.work) as counts,
    ):
        command = [str(program), "-o", str(options.depth), "-S", "4G", "-T", f"{folder}/"]
        command += ["--write_vocab_list", f"{folder}/words"]
        subprocess.run(command, stdin=text, stdout=counts, stderr=subprocess.DEVNULL, check=True)
        if not counts.seek(0, os.SEEK_END):
            raise SystemExit("count_ngrams wrote nothing")


contest(None, [("count_ngrams", build)])
