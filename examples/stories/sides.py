"""Writes the data of the stories studies: stories about a girl, about a boy, and the rest.

    python sides.py tinystories.txt FOLDER

The stories of the file are separated by `<|endoftext|>`. One about a girl has at least three
feminine pronouns and no masculine one, one about a boy the reverse.
"""

import json
import re
import sys
from pathlib import Path

from elastic_core import Corpus

PRONOUNS = {
    "girl": re.compile(r"\b(she|her|hers|herself)\b", re.IGNORECASE),
    "boy": re.compile(r"\b(he|him|his|himself)\b", re.IGNORECASE),
}
LEAST = 3


def side_of(story: str) -> str | None:
    """The side of a story, or None."""
    counts = {side: len(pattern.findall(story)) for side, pattern in PRONOUNS.items()}
    for side, count in counts.items():
        if count >= LEAST and sum(counts.values()) == count:
            return side
    return None


def main(source: str, folder: Path) -> None:
    """Reads the stories and writes `girl.jsonl`, `boy.jsonl` and `rest.jsonl`."""
    corpus = Corpus(source, split_on="<|endoftext|>")
    texts = [text.decode().strip() for batch in corpus.batches(utf8=True) for text in batch.texts]
    stories = [text for text in texts if text]
    sides = [side_of(story) or "rest" for story in stories]
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*PRONOUNS, "rest"):
        among = zip(stories, sides, strict=True)
        write(folder / f"{name}.jsonl", [story for story, side in among if side == name])


def write(file: Path, stories: list[str]) -> None:
    """Writes a row for each story."""
    lines = [json.dumps({"text": story}) + "\n" for story in stories]
    file.write_text("".join(lines), encoding="utf-8")
    print(f"{file}: {len(stories)} stories")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
