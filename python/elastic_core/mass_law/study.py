"""The main job: corpora or saved trees in, the law of their leaf weights out."""

from collections.abc import Sequence

from elastic_core._core import InvalidArgumentError, TokenTree
from elastic_core.common.progress import Progress, Step, with_subject
from elastic_core.corpora.sources import (
    SPLIT,
    TEXT_KEY,
    ReadOptions,
    Source,
    distinct_names,
    paths_of,
)
from elastic_core.corpora.trees import TreeOptions, open_or_build, share_memory
from elastic_core.mass_law.result import CorpusMass, MassConfig, MassResult


def mass(
    *corpora: Source,
    depth: int | None = None,
    segment: str | None = None,
    alphabet: str | None = None,
    bootstrap: int = 100,
    memory: int | str | None = None,
    threads: int | None = None,
    split: str = SPLIT,
    text_key: Sequence[str] = TEXT_KEY,
    limit: int | None = None,
    sample: float | None = None,
    seed: int = 0,
    on_bad_row: str = "error",
    progress: Progress | None = None,
) -> MassResult:
    """Tests which law the weights of each corpus's leaves follow, at every depth.

    Assumption A.7 of Ji et al. (2025) says that the probability of a leaf, as a random variable,
    follows a Pareto law. All leaves of the tree pruned to each depth from 1 to `depth` are tested
    for that, and those above the count from which on it fits best, by the method of Clauset,
    Shalizi and Newman (2009); lognormal, exponential and Zipf-Mandelbrot laws stand beside it.

    Args:
        *corpora: One corpus an argument: a file, folder, glob or `-`, a list of these, or one or
            more files of saved trees.
        depth: Depth d of the trees in symbols, 1 to 64. None: 8, or that of the saved trees.
        segment: `chunk`, `prefix` or `window`; None: `chunk`, or that of the saved trees.
        alphabet: `bit`, `byte` or `bpe:PATH`; None: `byte`, or that of the saved trees.
        bootstrap: Replicates behind each p-value, whose standard error is at most
            1 / (2 sqrt bootstrap); 0: no p-value and so no verdict.
        memory: Memory to stay within, in bytes or as `1GiB`; None: half of what is free.
        threads: Threads to build trees on; None: one for each core.
        split: What is a document in a plain text file: `document`, `line` or `paragraph`.
        text_key: Dotted paths of the text in a row; several are joined.
        limit: Only the first so many documents of each corpus.
        sample: Keep each document with this probability.
        seed: Seed of the sampling and of the bootstrap.
        on_bad_row: `error` or `skip`, for rows without usable text.
        progress: Called with the phase and the corpus (`bootstrap novels`), the units done and the
            units in all: bytes while reading, leaves while counting them, then replicates.

    Returns:
        The test; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    if not corpora:
        raise InvalidArgumentError("no corpus to test; name a file or a folder")
    if bootstrap < 0:
        raise InvalidArgumentError(f"bootstrap {bootstrap}: must be 0 or more replicates")
    config = MassConfig(
        paths=tuple(paths_of(source) for source in corpora),
        tree=TreeOptions(depth, segment, alphabet),
        memory=memory,
        bootstrap=bootstrap,
        reading=ReadOptions(split, tuple(text_key), limit, sample, seed, on_bad_row),
    )
    planted = open_or_build(
        config.paths,
        config.tree,
        config.reading,
        memory=share_memory(memory, len(corpora)),
        threads=threads,
        progress=progress,
    )
    names = distinct_names([each.name for each in planted], joint=False)
    results = [
        _test(name, each.tree, config, threads, with_subject(progress, name))
        for name, each in zip(names, planted, strict=True)
    ]
    return MassResult(config, tuple(results))


def _test(
    name: str,
    tree: TokenTree,
    config: MassConfig,
    threads: int | None,
    progress: Progress | None,
) -> CorpusMass:
    # Here, because scipy takes a second to load.
    from elastic_core.mass_law.depth import depth_mass

    depths = tree.statistics(threads=threads, progress=progress).depths
    done, total = 0, 2 * config.bootstrap * len(depths)

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(Step("bootstrap", name, done, total, "replicates"))

    found = (
        depth_mass(each, bootstrap=config.bootstrap, seed=config.reading.seed, tell=tell)
        for each in depths
    )
    return CorpusMass.of(name, tree, tuple(found))
