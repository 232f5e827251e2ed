"""elastic-core: builds the tree, then computes its statistics at every depth."""

import numpy as np
from contestant import contest, entry

import elastic_core as ec

options = entry()
ids = np.load(options.work / "ids.npy")
offsets = np.load(options.work / "offsets.npy")


def build(_: object) -> ec.TokenTree:
    """The leaf table of the d symbols from every position on."""
    return ec.TokenTree.from_symbols(
        ids, offsets, depth=options.depth, segment="window", threads=options.threads
    )


def check(tree: ec.TokenTree) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    return {"leaves": len(tree), "segments": tree.segments}


def statistics(tree: ec.TokenTree) -> object:
    """Nodes, entropies, Huffman lengths and the spectrum at depths 1 to d."""
    return tree.statistics(threads=options.threads)


contest(None, [("build", build), ("statistics", statistics)], check)
