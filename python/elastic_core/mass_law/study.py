"""`mass`: corpora or saved trees in, the laws of their leaf weights out."""

from collections.abc import Sequence

from elastic_core._core import InvalidArgumentError, TokenTree
from elastic_core.common.extras import check_extra
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress, Step, with_subject
from elastic_core.corpora.in_memory import accepts_data
from elastic_core.corpora.sources import (
    SPLIT,
    TEXT_KEY,
    ReadOptions,
    Source,
    distinct_names,
    own_reading,
    paths_of,
)
from elastic_core.corpora.trees import TreeOptions, open_or_build, share_memory
from elastic_core.mass_law.result import CorpusMass, MassConfig, MassResult


@shows_progress
@accepts_data
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
    split_on: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> MassResult:
    """Tests which law the leaf weights of each corpus follow, at every depth.

    Assumption A.7 of Ji et al. (2025) says that the probability of a leaf, as a random variable,
    follows a Pareto law. The counts of all leaves then follow a Poisson-Pareto law, and frequent
    ones nearly a Pareto law. For the tree pruned to each depth from 1 to `depth`, the former is
    tested for all leaves and the latter for the tail that fits best, by the method of Clauset,
    Shalizi and Newman (2009); both are compared with lognormal, exponential and Zipf-Mandelbrot
    laws.

    Args:
        *corpora: One corpus per argument: a file, folder, glob or `-`, a list of these, a `Corpus`,
            or one or more files of saved trees.
        depth: Depth d of the trees in symbols, 1 to 64. None: 8, or that of the saved trees.
        segment: `chunk`, `prefix` or `window`; None: `chunk`, or that of the saved trees.
        alphabet: `bit`, `byte` or `bpe:PATH`; None: `byte`, or that of the saved trees.
        bootstrap: Replicates per p-value, whose standard error is at most 1 / (2 sqrt bootstrap);
            0: no p-values, and so no verdicts.
        memory: Memory limit in bytes or as `1GiB`; None: half of what is free.
        threads: Threads to build trees with; None: one per core.
        split: A reading option of corpora named by their paths; see `ReadOptions`.
        text_key: Likewise.
        limit: Likewise.
        sample: Likewise.
        seed: Likewise, and the seed of the bootstrap.
        on_bad_row: Likewise.
        split_on: Likewise.
        include: Likewise.
        exclude: Likewise.
        progress: Receives the steps: bytes while reading, leaves while counting them, then
            replicates.

    Returns:
        The test; `to_dict()` is the JSON of the command line.

    Raises:
        InvalidArgumentError: An argument is invalid, or scipy is not installed.
        CorpusError: A corpus is empty, damaged or has a row without usable text.
        TokenizerError: The tokenizer file cannot be loaded.
        TreeFileError: A saved tree is damaged or of another version.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    check_extra("mass", ("scipy",), "experiments", InvalidArgumentError)
    if not corpora:
        raise InvalidArgumentError("no corpus to test; name a file or a folder")
    if bootstrap < 0:
        raise InvalidArgumentError(f"bootstrap {bootstrap}: must be 0 or more replicates")
    config = MassConfig(
        paths=tuple(paths_of(source) for source in corpora),
        tree=TreeOptions(depth, segment, alphabet),
        memory=memory,
        bootstrap=bootstrap,
        reading=ReadOptions.given(
            split, text_key, limit, sample, seed, on_bad_row, split_on, include, exclude
        ),
        own_reading=own_reading(corpora),
    )
    sources = open_or_build(
        corpora,
        config.tree,
        config.reading,
        memory=share_memory(memory, len(corpora)),
        threads=threads,
        progress=progress,
    )
    names = distinct_names([source.name for source in sources], joint=False)
    return MassResult(
        config,
        tuple(
            _test(name, source.tree, config, threads, with_subject(progress, name))
            for name, source in zip(names, sources, strict=True)
        ),
    )


def _test(
    name: str,
    tree: TokenTree,
    config: MassConfig,
    threads: int | None,
    progress: Progress | None,
) -> CorpusMass:
    # Imported here because scipy takes a second to load.
    from elastic_core.mass_law.depth import depth_mass

    statistics = tree.statistics(threads=threads, progress=progress).depths
    done, total = 0, 2 * config.bootstrap * len(statistics)

    def on_replicate() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(Step("bootstrap", name, done, total, "replicates"))

    seed = config.reading.seed
    depths = tuple(
        depth_mass(depth, bootstrap=config.bootstrap, seed=seed, on_replicate=on_replicate)
        for depth in statistics
    )
    return CorpusMass.of(name, tree, depths)
