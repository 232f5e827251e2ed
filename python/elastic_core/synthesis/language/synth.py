"""`synth_language`: draws a language and its files, and computes the ground truth."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from elastic_core._core import InvalidArgumentError
from elastic_core.common.files import write_json
from elastic_core.common.folders import result_folder
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress, Step
from elastic_core.common.units import parse_count
from elastic_core.synthesis.language.grammar import OPENING_WORDS
from elastic_core.synthesis.language.language import Language
from elastic_core.synthesis.language.learners import (
    ARMS,
    LearnerCurve,
    exponential_average_curve,
    mixture_curve,
)
from elastic_core.synthesis.language.result import LanguageFile, LanguageResult
from elastic_core.synthesis.language.sampling import samples
from elastic_core.synthesis.language.symbols import Ints

_PRETRAIN = "pretrain"
_ROW_FILES = ("positive", "negative", "novel", "neutral")
_OPENINGS = 3
_FIRST_ROWS = 25


@shows_progress
def synth_language(
    *,
    shares: Sequence[float] = (0.3, 0.3, 0.4),
    documents: int | str = "100k",
    rows: int | str = 2000,
    classes: int = 6,
    words: int = 3,
    contrast: float = 5.0,
    opening: int = 6,
    sentences: int = 12,
    end: float = 0.25,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> LanguageResult:
    """Draws a language with a latent style and its files, and computes the ground truth.

    Each document has one style, which shows only in its choice of words. The files are `pretrain`,
    texts in all styles but the novel one; `positive` and `negative`, the sides for alignment;
    `novel`, in a style absent from pre-training; and `neutral`, drawn like pre-training. All but
    the first have rows with `prompt`, a style-free opening, and `completion`; all prompts differ.

    Args:
        shares: Share of each style in pre-training: positive, negative and any others; at least
            two, each above 0, sum 1.
        documents: Number of pre-training documents, such as `100k`.
        rows: Number of rows in each other file.
        classes: Number of word classes; a sentence has at most one word of each.
        words: Number of words in each class that a style prefers.
        contrast: How many times as likely words are under the style that prefers them as under
            another; above 1.
        opening: Number of words in the opening, 1 to 7.
        sentences: Maximum number of sentences in a document.
        end: Probability that a document ends after a sentence.
        seed: Seed of everything random; with the same version of numpy it gives the same bytes.
        out: Folder for the files that `docs/language.md` defines; None: nothing is written.
        overwrite: Replace the files of a folder that is not empty.
        progress: Receives the number of documents drawn so far.

    Returns:
        The language, a summary of its files, and the curves of the ideal learners.

    Raises:
        InvalidArgumentError: An argument is out of range, or the folder is not empty.
        OSError: A file cannot be written, or the disk is full.
    """
    language = Language.create(
        shares=shares,
        classes=classes,
        words=words,
        contrast=contrast,
        opening=opening,
        sentences=sentences,
        end=end,
        seed=seed,
    )
    documents, rows = _count("documents", documents), _count("rows", rows)
    numbers = _openings(language, rows)
    with (
        result_folder(Path(out), overwrite=overwrite)
        if out is not None
        else nullcontext() as folder
    ):
        curves = _curves(language, documents, rows)
        try:
            files = [_draw(language, _PRETRAIN, documents, folder, 1, None, progress)]
            files += [
                _draw(language, name, rows, folder, stream, numbers[stream - 2], progress)
                for stream, name in enumerate(_ROW_FILES, 2)
            ]
            result = LanguageResult(language, tuple(files), curves)
            if folder:
                write_json(folder / "truth.json", result.to_dict())
        except OSError as error:
            error.filename = os.fspath(out) if out is not None else None
            raise
    return result


def _count(name: str, count: int | str) -> int:
    try:
        return parse_count(count)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{name}: {error}") from error


def _openings(language: Language, rows: int) -> Ints:
    """The number of every row's opening, all different; shape (files, rows)."""
    most = OPENING_WORDS**language.config.opening
    if rows * len(_ROW_FILES) > most:
        raise InvalidArgumentError(
            f"{rows:,} rows in each file need {rows * len(_ROW_FILES):,} different openings, and "
            f"there are {most:,}; choose fewer rows or a longer opening"
        )
    sequence = np.random.SeedSequence(language.config.seed, spawn_key=(_OPENINGS,))
    numbers = np.random.default_rng(sequence).permutation(most)
    return numbers[: rows * len(_ROW_FILES)].reshape(rows, -1).T


def _curves(language: Language, documents: int, rows: int) -> tuple[LearnerCurve, ...]:
    """The curves of both learners in every arm, at numbers of rows that double."""
    points = [_FIRST_ROWS]
    while points[-1] * 2 <= rows:
        points.append(points[-1] * 2)
    at = (0, *points)
    return tuple(
        curve
        for aligned in (0, *points[::2])
        for arm in ARMS
        for curve in (
            mixture_curve(language, documents=documents, aligned=aligned, arm=arm, rows=at),
            exponential_average_curve(language, aligned=aligned, arm=arm, rows=at),
        )
    )


def _draw(
    language: Language,
    name: str,
    count: int,
    folder: Path | None,
    stream: int,
    openings: Ints | None,
    progress: Progress | None,
) -> LanguageFile:
    """Draws the documents of a file, and writes it if there is a folder.

    Args:
        language: The language.
        name: Name of the file; if it is that of a style, all documents have this style.
        count: Number of documents.
        folder: The folder, or None.
        stream: Number of the random stream.
        openings: Number of each row's opening; None: rows with `text` only.
        progress: Receives the number of documents drawn so far.
    """
    shares = language.weights(name if name in language.styles else None)
    # The first word has no space before it.
    cut = None if openings is None else 4 * language.config.opening - 1
    styles, done, symbols, size = np.zeros(len(shares), dtype=np.int64), 0, 0, 0
    seed = language.config.seed
    with (folder / f"{name}.jsonl").open("wb") if folder else nullcontext() as file:
        for block in samples(language.grammar, shares, count, seed, stream, openings):
            text = "".join(_row(document, cut) for document in block.texts).encode()
            if file:
                file.write(text)
            styles += np.bincount(block.styles, minlength=len(shares))
            joined = "".join(block.texts)
            done += len(block.texts)
            size += len(joined)
            # Every word of a text but the first has a space before it.
            symbols += joined.count(" ") + joined.count(".") + 2 * len(block.texts)
            if progress:
                progress(Step("draw", name, done, count, "documents"))
    return LanguageFile(
        name, dict(zip(language.styles, styles.tolist(), strict=True)), symbols, size
    )


def _row(text: str, cut: int | None) -> str:
    """A row as JSON; no character of the language needs an escape."""
    if cut is None:
        return f'{{"text": "{text}"}}\n'
    return f'{{"prompt": "{text[:cut]}", "completion": "{text[cut:]}"}}\n'
