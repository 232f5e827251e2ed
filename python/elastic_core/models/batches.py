"""Work in batches of similar length, which shrink when the device runs out of memory."""

from collections.abc import Callable, Sequence

import torch

from elastic_core._core import ModelError


class Batches:
    """Divides work into batches.

    Args:
        tokens: Most tokens in a batch, its items filled up to the longest one. An item longer
            than that is a batch of its own.
    """

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def run(self, lengths: Sequence[int], work: Callable[[list[int]], None]) -> None:
        """Does every item once, the longest first.

        When a batch does not fit into memory, it and all later ones are halved.

        Args:
            lengths: Tokens in each item, at least 1.
            work: Does the items with these numbers; has no effect when it raises.

        Raises:
            ModelError: A single item does not fit into memory.
        """
        order = sorted(range(len(lengths)), key=lambda item: -lengths[item])
        done = 0
        while done < len(order):
            longest = lengths[order[done]]
            batch = order[done : done + max(1, self._tokens // longest)]
            if _fits(work, batch):
                done += len(batch)
            elif len(batch) > 1:
                self._tokens = len(batch) // 2 * longest
            else:
                raise ModelError(
                    f"no memory left on the device for {longest} tokens at once; lower the window"
                )


def _fits(work: Callable[[list[int]], None], batch: list[int]) -> bool:
    try:
        work(batch)
    except torch.OutOfMemoryError:
        pass  # What the failed batch left is free only once the exception is gone.
    else:
        return True
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False
