"""What every scorer of texts offers."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """Gives every text a score: the higher, the more of what is looked for."""

    @property
    def name(self) -> str:
        """What the scorer is called, such as `linear` or `hf:NAME`."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that a score depends on besides what was learned; ready for JSON."""

    @property
    def identity(self) -> dict[str, str]:
        """Hashes in hexadecimal that say which scorer this is."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The scores, shape (texts,); that of a text does not depend on the others.

        Raises:
            ModelError: The scorer can make nothing of a text.
        """
