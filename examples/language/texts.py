"""Writes the neutral and the novel rows of `elastic-core synth language` as whole texts.

    python texts.py FOLDER

The arms of an experiment are texts that are learned from their first word on; the rows of
`neutral.jsonl` and `novel.jsonl` are divided into prompt and completion. The texts are written to
`neutral-texts.jsonl` and `novel-texts.jsonl` in the same folder.
"""

import json
import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Joins prompts and completions."""
    for name in ("neutral", "novel"):
        rows = map(json.loads, (folder / f"{name}.jsonl").read_text("utf-8").splitlines())
        texts = [{"text": row["prompt"] + row["completion"]} for row in rows]
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        (folder / f"{name}-texts.jsonl").write_text(lines, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
