"""Writes the data of the reviews studies: a pre-training corpus, and novel text.

    python corpus.py IMDB NOVELS FOLDER

IMDB is the folder of the Large Movie Review Dataset, NOVELS a folder of novels in plain text. The
reviews of the test set become `positive.jsonl` and `negative.jsonl`, those for training
`train-positive.jsonl` and `train-negative.jsonl`, without any that are also in the test set. The
latter and the novels, in passages of some 2,000 characters, are the corpus, `pretrain.jsonl`.
`novel.jsonl` has text that is unlike both: the source code of Python's standard library, in pieces.
"""

import json
import random
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

PASSAGE = 2000
PIECE = 800
PIECES = 5000


def texts_of(folder: Path, pattern: str) -> Iterator[str]:
    """The texts of the files in a folder, in the order of their names."""
    for file in sorted(folder.glob(pattern)):
        yield file.read_text(encoding="utf-8", errors="ignore").strip()


def passages(text: str, characters: int) -> Iterator[str]:
    """Whole lines of a text, joined until they have so many characters."""
    lines: list[str] = []
    size = 0
    for line in text.splitlines(keepends=True):
        lines.append(line)
        size += len(line)
        if size >= characters:
            yield "".join(lines).strip()
            lines, size = [], 0


def write(file: Path, texts: Iterable[str]) -> None:
    """Writes the texts as rows, in random order."""
    rows = [json.dumps({"text": text}) + "\n" for text in dict.fromkeys(texts) if text]
    random.Random(0).shuffle(rows)
    file.write_text("".join(rows), encoding="utf-8")
    print(f"{file}: {len(rows)} texts")  # noqa: T201


def main(imdb: Path, novels: Path, folder: Path) -> None:
    """Writes all files."""
    folder.mkdir(parents=True, exist_ok=True)
    tested = set(texts_of(imdb, "test/*/*.txt"))
    corpus = [part for text in texts_of(novels, "*.txt") for part in passages(text, PASSAGE)]
    for side, name in (("pos", "positive"), ("neg", "negative")):
        write(folder / f"{name}.jsonl", texts_of(imdb, f"test/{side}/*.txt"))
        reviews = [text for text in texts_of(imdb, f"train/{side}/*.txt") if text not in tested]
        write(folder / f"train-{name}.jsonl", reviews)
        corpus += reviews
    write(folder / "pretrain.jsonl", corpus)
    library = Path(sysconfig.get_path("stdlib"))
    code = (part for text in texts_of(library, "*.py") for part in passages(text, PIECE))
    write(folder / "novel.jsonl", islice(code, PIECES))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
