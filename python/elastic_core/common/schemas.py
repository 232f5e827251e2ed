"""Schema identifiers: the `schema` key of every JSON document that the Python half writes.

The number goes up when a document changes so that old readers fail on it. The Rust core has two
more, for tree files (`elastic-core/tree/1`) and score files (`elastic-core/scores/1`).
"""

MEASURE = "elastic-core/measure/1"
LANGUAGE = "elastic-core/language/1"
MASS = "elastic-core/mass/1"
SYNTH = "elastic-core/synth/1"
ELASTICITY = "elastic-core/elasticity/1"
TREE_CURVE = "elastic-core/tree-curve/1"
"""The curve of a tree model; files of 0.1.0 call it `elastic-core/trained/1`, which none reads."""
PRETRAIN = "elastic-core/pretrain/1"
TRAINED = "elastic-core/trained/1"
RUNS = "elastic-core/runs/1"
EXPERIMENT = "elastic-core/experiment/1"
