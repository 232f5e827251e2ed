"""Values in error messages."""

from reprlib import Repr

_LENGTH = 60


def abridged(value: object, length: int = _LENGTH) -> str:
    """The `repr` of a value on one line, with the middle of long ones left out.

    Nested values are abridged before they are written, so this is fast even for values that would
    take gigabytes in full.

    Args:
        value: Anything.
        length: The maximum number of characters.
    """
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = length
    text = short.repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
