"""The exceptions of elastic-core; errors of the operating system stay OSError."""

_LONGEST = 1000
_TAIL = 300


class ElasticCoreError(Exception):
    """Base of all errors of elastic-core except those of the operating system."""

    def __str__(self) -> str:
        """The message in one line: control characters escaped, very long values cut out."""
        text = super().__str__()
        if not text.isprintable():
            text = "".join(map(_printable, text))
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - _TAIL]} [...] {text[-_TAIL:]}"
        return text


class InvalidArgumentError(ElasticCoreError, ValueError):
    """An argument is invalid: a depth of 0, an unknown alphabet, trees of different shape."""


class CorpusError(ElasticCoreError):
    """A corpus is empty, damaged, or has a row without usable text."""


class TokenizerError(ElasticCoreError):
    """A tokenizer file cannot be loaded."""


class TreeFileError(ElasticCoreError):
    """A tree file is damaged, of another version or not a token tree."""


class ModelError(ElasticCoreError):
    """A language model cannot be loaded, or cannot process a document."""


class CodedFileError(ElasticCoreError):
    """A compressed file is damaged, has another format, or was coded with another model."""


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


for _error in (ElasticCoreError, *ElasticCoreError.__subclasses__()):
    _error.__module__ = "elastic_core"
