"""Draws that depend on what is drawn from and the seed, and on neither order nor threads."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable


def drawn(keys: Iterable[str], seed: int) -> list[int]:
    """The numbers of the keys in random order.

    Each key stands where the hash (BLAKE2b) of the seed, the key and how many of its like came
    before it puts it. So the same keys come in the same order however they were sorted before, and
    further keys slip in between without any other change.
    """
    before: Counter[str] = Counter()
    places = []
    for key in keys:
        content = f"{seed} {before[key]} {key}".encode("utf-8", "surrogatepass")
        places.append(hashlib.blake2b(content, digest_size=16).digest())
        before[key] += 1
    return sorted(range(len(places)), key=places.__getitem__)


def normalized(text: str) -> str:
    """A text without what makes no difference to a reader.

    Unicode's compatibility form NFKC, letters without case, white space folded to single blanks
    and none at either end.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
