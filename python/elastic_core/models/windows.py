"""How windows tile a document: each token is scored once, by the first window it stands in."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """What one forward pass sees of a document, and which of its tokens it scores.

    Attributes:
        document: Number of the document.
        start: First token that stands in the window.
        scored: First token that the window scores; those before it are context.
        end: One past the last token, which is scored too.
    """

    document: int
    start: int
    scored: int
    end: int


def tile(document: int, tokens: int, window: int, stride: int, first: int = 0) -> Iterator[Window]:
    """The windows of a document.

    Window k begins at token k * stride and reaches at most `window` tokens far, so what a token
    is conditioned on never depends on what follows it.

    Args:
        document: Number of the document.
        tokens: Tokens in it.
        window: Most tokens in a window.
        stride: Tokens from one window's start to the next, 1 to `window`.
        first: First token that is to be scored, 0 or 1.

    Yields:
        The windows in order, each of which scores a token or more.
    """
    start, scored = 0, first
    while scored < tokens:
        end = min(start + window, tokens)
        if scored < end:
            yield Window(document, start, scored, end)
        start, scored = start + stride, end
