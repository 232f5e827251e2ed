"""No name of a package hides one of its modules: `import elastic_core.x.y` gives the module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import elastic_core

PACKAGE = Path(elastic_core.__file__).parent


def bound_names(file: Path) -> Iterator[str]:
    """The names that a file binds at its top level, by imports, definitions and assignments."""
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_no_name_hides_a_module() -> None:
    hidden = []
    for init in PACKAGE.rglob("__init__.py"):
        modules = {path.stem for path in init.parent.glob("*.py")}
        modules |= {path.parent.name for path in init.parent.glob("*/__init__.py")}
        hidden += [f"{init}: {name}" for name in bound_names(init) if name in modules]
    assert not hidden
