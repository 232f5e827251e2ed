"""Token trees of massive corpora, the codes they buy and the rates that follow.

`measure` does the main job: text in, code lengths and rates out. `TokenTree` is the tree
itself, for whoever wants to keep it, merge it or ask it for counts. The definitions are those
of Ji et al., *Language Models Resist Alignment: Evidence From Data Compression* (ACL 2025).
"""

from elastic_core.common.interrupts import exit_while_starting

exit_while_starting()

# isort: split

from elastic_core._core import (
    CodedFileError,
    Corpus,
    CorpusError,
    DepthStatistics,
    DocumentBatch,
    ElasticCoreError,
    InvalidArgumentError,
    JointRates,
    JointSpectrum,
    ModelError,
    StaticRate,
    Statistics,
    TokenizerError,
    TokenTree,
    TreeFileError,
    TreeModel,
    __version__,
)
from elastic_core.compression.coding import CodingResult, compress, decompress
from elastic_core.corpora.in_memory import Texts
from elastic_core.elastic_law.result import ElasticityResult
from elastic_core.experiments.elasticity import elasticity
from elastic_core.experiments.experiment import experiment
from elastic_core.mass_law.result import (
    CorpusMass,
    DepthMass,
    LawFit,
    LikelihoodRatio,
    MassConfig,
    MassResult,
    TailFit,
)
from elastic_core.mass_law.study import mass
from elastic_core.measuring.measure import measure, measure_tree
from elastic_core.measuring.records import Comparison, CorpusResult, DepthRow, ModelRate, Rate
from elastic_core.measuring.result import MeasureConfig, MeasureResult
from elastic_core.models import LanguageModel, load_model
from elastic_core.synthesis.language.grammar import LanguageConfig
from elastic_core.synthesis.language.language import Language
from elastic_core.synthesis.language.learners import (
    LearnerCurve,
    exponential_average_curve,
    mixture_curve,
)
from elastic_core.synthesis.language.result import LanguageFile, LanguageResult
from elastic_core.synthesis.language.synth import synth_language
from elastic_core.synthesis.laws import MassLaw
from elastic_core.synthesis.result import SynthConfig, SynthCorpus, SynthResult
from elastic_core.synthesis.synth import synth
from elastic_core.training.finetuning.recipe import Recipe, Reward
from elastic_core.training.finetuning.result import Trained
from elastic_core.training.finetuning.train import train
from elastic_core.training.pretraining.pretrain import pretrain
from elastic_core.training.pretraining.result import PretrainResult

__all__ = [
    "CodedFileError",
    "CodingResult",
    "Comparison",
    "Corpus",
    "CorpusError",
    "CorpusMass",
    "CorpusResult",
    "DepthMass",
    "DepthRow",
    "DepthStatistics",
    "DocumentBatch",
    "ElasticCoreError",
    "ElasticityResult",
    "InvalidArgumentError",
    "JointRates",
    "JointSpectrum",
    "Language",
    "LanguageConfig",
    "LanguageFile",
    "LanguageModel",
    "LanguageResult",
    "LawFit",
    "LearnerCurve",
    "LikelihoodRatio",
    "MassConfig",
    "MassLaw",
    "MassResult",
    "MeasureConfig",
    "MeasureResult",
    "ModelError",
    "ModelRate",
    "PretrainResult",
    "Rate",
    "Recipe",
    "Reward",
    "StaticRate",
    "Statistics",
    "SynthConfig",
    "SynthCorpus",
    "SynthResult",
    "TailFit",
    "Texts",
    "TokenTree",
    "TokenizerError",
    "Trained",
    "TreeFileError",
    "TreeModel",
    "__version__",
    "compress",
    "decompress",
    "elasticity",
    "experiment",
    "exponential_average_curve",
    "load_model",
    "mass",
    "measure",
    "measure_tree",
    "mixture_curve",
    "pretrain",
    "synth",
    "synth_language",
    "train",
]


def __dir__() -> list[str]:
    return __all__
