"""Language models behind one protocol: tree models, and models of the transformers library."""

from elastic_core._core import ModelError
from elastic_core.models.protocol import Document, Ids, LanguageModel
from elastic_core.models.spec import ModelKind, ModelSpec, load_model

__all__ = [
    "Document",
    "Ids",
    "LanguageModel",
    "ModelError",
    "ModelKind",
    "ModelSpec",
    "load_model",
]
