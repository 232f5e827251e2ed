"""The fuzzer of `tests/fuzz`, briefly and with a fixed seed."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).parents[1] / "fuzz"


@pytest.mark.parametrize(
    "target",
    [
        "json-lines",
        "compressed",
        "parquet",
        "tokenizer",
        "tree",
        "model",
        "coded",
        "config",
        "override",
        "run",
        "rows",
    ],
)
def test_mutated_inputs_are_right_or_refused_in_one_sentence(target: str) -> None:
    done = subprocess.run(
        [sys.executable, FUZZER, target], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout
    assert target in done.stderr
