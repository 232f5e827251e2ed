"""The command line: `elastic-core COMMAND`.

Results go to standard output, everything else to standard error. Exit codes: 0 for success, 1 for a
failed job, 2 for a wrong call, 130 after Ctrl-C, 143
after SIGTERM, 129 after SIGHUP.
"""

from elastic_core.cli.commands import main, program

__all__ = ["main", "program"]
