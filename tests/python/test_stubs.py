"""The committed stub of the core is the one that `make stubs` generates."""

import ast
import runpy
from pathlib import Path

import pytest

import elastic_core
from elastic_core import _core

STUB = Path(elastic_core.__file__).with_name("_core.pyi")
GENERATOR = Path(__file__).parents[2] / ".ci" / "stubs.py"


@pytest.fixture(scope="module")
def generated() -> str:
    text = runpy.run_path(str(GENERATOR))["Stub"](_core).text()
    assert isinstance(text, str)
    return text


def test_the_stub_is_up_to_date(generated: str) -> None:
    committed = ast.parse(STUB.read_text(encoding="utf-8"))
    message = "run `make stubs`: _core.pyi does not match the built extension module"
    assert ast.dump(committed) == ast.dump(ast.parse(generated)), message


def test_generation_is_deterministic(generated: str) -> None:
    assert runpy.run_path(str(GENERATOR))["Stub"](_core).text() == generated


def test_arrays_have_dtypes_and_defaults_are_shown(generated: str) -> None:
    assert "def log_probs(self, documents: Sequence[bytes | str], *," in generated
    assert "-> list[NDArray[np.float32]]:" in generated
    assert "depth: int = 8" in generated
    assert generated.count('"""') > 200


def test_an_unknown_rust_type_is_an_error() -> None:
    stub = runpy.run_path(str(GENERATOR))["Stub"](_core)
    with pytest.raises(KeyError, match="Unheard"):
        stub.python_type("Option<Unheard>", "list")
