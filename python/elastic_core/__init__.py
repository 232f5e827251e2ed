"""Token trees of massive corpora, the codes they buy and the rates that follow.

`measure` does the main job: text in, code lengths and rates out. `TokenTree` is the tree
itself, for whoever wants to keep it, merge it or ask it for counts. The definitions are those
of Ji et al., *Language Models Resist Alignment: Evidence From Data Compression* (ACL 2025).
"""

from elastic_core._core import (
    Corpus,
    CorpusError,
    DepthStatistics,
    ElasticCoreError,
    InvalidArgumentError,
    ModelError,
    StaticRate,
    Statistics,
    TokenizerError,
    TokenTree,
    TreeFileError,
    TreeModel,
    __version__,
)
from elastic_core.measure import measure, measure_tree
from elastic_core.result import (
    Comparison,
    CorpusResult,
    DepthRow,
    MeasureConfig,
    MeasureResult,
    Rate,
)

__all__ = [
    "Comparison",
    "Corpus",
    "CorpusError",
    "CorpusResult",
    "DepthRow",
    "DepthStatistics",
    "ElasticCoreError",
    "InvalidArgumentError",
    "MeasureConfig",
    "MeasureResult",
    "ModelError",
    "Rate",
    "StaticRate",
    "Statistics",
    "TokenTree",
    "TokenizerError",
    "TreeFileError",
    "TreeModel",
    "__version__",
    "measure",
    "measure_tree",
]
