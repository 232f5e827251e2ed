"""Prepares the input of the `window` scenario: a BPE trained on the corpus, and its ids.

Reads a folder of text files and writes to the work folder: `ids.npy` and `offsets.npy` (all
documents concatenated), `padded.npy` (each document, EOS and d-1 pads, for contestants without
documents), `infini-gram/` (the files that its tokenizing step would have written), `facts.json`.
It runs in its own process, so that it does not count towards the memory of a contestant.
"""

import json
import sys
from pathlib import Path

import numpy as np
from contestant import EOS, PAD, VOCABULARY
from harness import text_files
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


def main() -> None:
    """Prepares `CORPUS WORK DEPTH`, unless WORK has the same input already."""
    corpus, work, depth = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    texts = [path.read_text("utf-8", errors="replace") for path in text_files(corpus)]
    size = sum(path.stat().st_size for path in text_files(corpus))
    source = {"corpus": str(corpus), "files": len(texts), "bytes": size, "depth": depth}
    facts = work / "facts.json"
    if facts.exists() and source.items() <= json.loads(facts.read_text()).items():
        return
    work.mkdir(parents=True, exist_ok=True)
    for stale in (facts, work / "words.txt"):
        stale.unlink(missing_ok=True)

    tokenizer = train(texts)
    tokenizer.save(str(work / "tokenizer.json"))
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    documents = [np.array(encoding.ids, dtype=np.uint16) for encoding in encodings]
    lengths = [len(document) for document in documents]
    np.save(work / "ids.npy", np.concatenate(documents))
    np.save(work / "offsets.npy", np.cumsum([0, *lengths], dtype=np.uint64))

    end = np.array([EOS] + [PAD] * (depth - 1), dtype=np.uint16)
    padded = [part for document in documents for part in (document, end)]
    np.save(work / "padded.npy", np.concatenate(padded))

    infini_gram(documents, work / "infini-gram")
    facts.write_text(json.dumps(source | {"symbols": sum(lengths), "vocabulary": VOCABULARY}))


def train(texts: list[str]) -> Tokenizer:
    """Trains a byte-level BPE of `VOCABULARY` ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def infini_gram(documents: list[np.ndarray], folder: Path) -> None:
    """Writes `tokenized.0` and `offset.0`: per document two 0xff bytes, then the ids."""
    folder.mkdir(exist_ok=True)
    separator = np.array([0xFFFF], dtype="<u2")
    starts, at = [], 0
    with (folder / "tokenized.0").open("wb") as file:
        for document in documents:
            starts.append(at)
            at += file.write(separator.tobytes() + document.astype("<u2").tobytes())
    np.array(starts, dtype="<u8").tofile(folder / "offset.0")


if __name__ == "__main__":
    main()
