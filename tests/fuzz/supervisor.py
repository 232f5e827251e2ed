"""Runs cases in a worker process, which is watched for crashes, time and memory."""

import json
import resource
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

SECONDS = 120.0
"""Seconds after which a case counts as hanging; most take less than one."""

_MEMORY = 12 << 30
_START_SECONDS = 120.0

FINE = frozenset({"right", "refused", "accepted"})
"""The outcomes that pass: as undamaged, refused in one sentence, or a valid other input."""


@dataclass(frozen=True, slots=True)
class Case:
    """One mutated input.

    Attributes:
        target: The name of the target.
        seed: The seed of the mutation.
    """

    target: str
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a case.

    Attributes:
        kind: One of `FINE`, or `wrong`, `ugly`, `traceback`, `crash`, `hang`.
        note: Details: the message, or where an exception was raised.
    """

    kind: str
    note: str


class Worker:
    """A process that runs one case after another; it is replaced after a crash or hang."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, str(Path(__file__).parent), "--worker", str(folder)]
        self._process: subprocess.Popen[str] | None = None

    def run(self, case: Case) -> Outcome:
        """Runs a case; the outcome of one that ends the process is `crash` or `hang`."""
        process = self._started()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(asdict(case)) + "\n")
        process.stdin.flush()
        if line := _line(process.stdout, SECONDS):
            return Outcome(**json.loads(line))
        is_hanging = process.poll() is None and not line
        self.close()
        if is_hanging and line is None:
            return Outcome("hang", f"no answer after {SECONDS:g} s")
        return Outcome("crash", f"the process ended with code {process.returncode}")

    def close(self) -> None:
        """Ends the process."""
        if self._process:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream:
                    stream.close()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY)),
            )
            assert self._process.stdout
            if not _line(self._process.stdout, _START_SECONDS):
                raise RuntimeError(
                    "the worker does not start; run it by hand: " + " ".join(self._command)
                )
        return self._process


def _line(stream: IO[str], seconds: float) -> str | None:
    """The next line; empty at the end of the stream, None after the time."""
    ready, _, _ = select.select([stream], [], [], seconds)
    return stream.readline() if ready else None


def run_cases(cases: Sequence[Case], folder: Path) -> list[tuple[Case, Outcome]]:
    """Runs cases and returns those that are not fine, with a line about each target on stderr."""
    worker, bad = Worker(folder), list[tuple[Case, Outcome]]()
    counts, start = dict[str, Counter[str]](), time.monotonic()
    for case in cases:
        outcome = worker.run(case)
        counts.setdefault(case.target, Counter())[outcome.kind] += 1
        if outcome.kind not in FINE:
            bad.append((case, outcome))
    worker.close()
    for target, count in counts.items():
        print(f"{target:12} {dict(sorted(count.items()))}", file=sys.stderr)
    print(f"{len(cases)} cases in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return bad
