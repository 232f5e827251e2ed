"""Whether a page can be opened in a browser."""

import os
import sys


def has_desktop() -> bool:
    """Whether output goes to a terminal on a desktop.

    On a server a browser prints errors, or takes over the terminal.
    """
    needs_display = sys.platform not in ("darwin", "win32")
    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and (has_display or not needs_display)
