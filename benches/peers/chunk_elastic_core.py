"""elastic-core: reads the files, builds the tree of their chunks, then computes its statistics."""

import json

from contestant import contest, entry

import elastic_core as ec

options = entry()
files = json.loads((options.work / "files.json").read_text())


def build(_: object) -> ec.TokenTree:
    """The leaf table of consecutive d bytes."""
    return ec.TokenTree.build(files, depth=options.depth, segment="chunk", threads=options.threads)


def check(tree: ec.TokenTree) -> dict[str, float]:
    """The figures on which all contestants must agree."""
    return {"leaves": len(tree), "segments": tree.segments, "bytes": tree.bytes}


def statistics(tree: ec.TokenTree) -> object:
    """Nodes, entropies, Huffman lengths and the spectrum at depths 1 to d."""
    return tree.statistics(threads=options.threads)


contest(None, [("read and build", build), ("statistics", statistics)], check)
