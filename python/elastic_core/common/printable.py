"""Text from files, keys and names on its way to a terminal."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with control characters and changes of direction written as escape sequences.

    Line feeds and tabs stay. A name of a file could otherwise clear the screen or reorder a line.
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
