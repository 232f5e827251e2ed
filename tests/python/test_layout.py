"""The order of packages: data moves left to right, and no two files import each other."""

import ast
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

import elastic_core

PACKAGE = Path(elastic_core.__file__).parent

# A package may import those above it and itself, never those below.
ORDER = (
    "_core",
    "common",
    "statistics",
    "report",
    "corpora",
    "models",
    "scoring",
    "data",
    "synthesis",
    "measuring",
    "mass_law",
    "elastic_law",
    "compression",
    "training",
    "experiments",
    "demo",
    "cli",
)


def module_name(file: Path, package: Path) -> str:
    """The dotted name of a file, such as `elastic_core.models.spec`."""
    parts = (package.name, *file.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(package: Path) -> dict[str, set[str]]:
    """For each module of the package, the modules of the package that it imports.

    Imports inside functions and under TYPE_CHECKING count. The implicit import of a parent's
    `__init__` does not, as no file can avoid it; a name imported from an `__init__` does.
    """
    found = sorted([*package.rglob("*.py"), *package.rglob("*.pyi")])
    files = {module_name(file, package): file for file in found}
    graph: dict[str, set[str]] = {}
    for module, file in files.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {name for node in ast.walk(tree) for name in imported(node, files)}
        graph[module] = names - {module}
    return graph


def imported(node: ast.AST, files: Container[str]) -> Iterator[str]:
    """The modules among `files` that a statement imports, entirely or a name of."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names if alias.name in files)
        case ast.ImportFrom(module=str(module), names=names, level=0):
            for alias in names:
                submodule = f"{module}.{alias.name}"
                if submodule in files:
                    yield submodule
                elif module in files:
                    yield module
        case ast.ImportFrom():
            raise AssertionError("write imports in full, not relative to the file")


def cycles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The cycles that a depth-first walk meets, each as a path; empty if there is none."""
    paths: list[list[str]] = []
    path: list[str] = []
    done: set[str] = set()

    def walk(node: str) -> None:
        if node in path:
            paths.append([*path[path.index(node) :], node])
        elif node not in done:
            path.append(node)
            for other in sorted(graph.get(node, ())):
                walk(other)
            done.add(path.pop())

    for node in sorted(graph):
        walk(node)
    return paths


def against_order(graph: Mapping[str, Iterable[str]], order: tuple[str, ...]) -> list[str]:
    """The imports from a package further right, as `one -> other`.

    Args:
        graph: The imports of each module; the public API counts as part of the last package.
        order: The packages from left to right.
    """

    def place(module: str) -> int:
        parts = module.split(".")
        return order.index(parts[1]) if len(parts) > 1 else len(order) - 1

    return [
        f"{one} -> {other}"
        for one, others in graph.items()
        for other in sorted(others)
        if place(other) > place(one)
    ]


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


@pytest.fixture
def graph() -> dict[str, set[str]]:
    return imports(PACKAGE)


def test_every_package_is_in_the_order() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert packages | {"_core"} == set(ORDER)
    modules = {path.name for path in PACKAGE.glob("*.py")}
    assert modules == {"__init__.py"}


def test_there_are_no_import_cycles(graph: dict[str, set[str]]) -> None:
    assert cycles(graph) == []


def test_imports_follow_the_order(graph: dict[str, set[str]]) -> None:
    # The stub refers to the type of a step, which the extension imports at run time.
    del graph["elastic_core._core"]
    assert against_order(graph, ORDER) == []


def test_no_function_shadows_its_package() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages.isdisjoint(elastic_core.__all__)


def test_no_name_shadows_a_module() -> None:
    hidden = []
    for init in PACKAGE.rglob("__init__.py"):
        modules = {path.stem for path in init.parent.glob("*.py")}
        modules |= {path.parent.name for path in init.parent.glob("*/__init__.py")}
        hidden += [f"{init}: {name}" for name in bound_names(init) if name in modules]
    assert not hidden


# Tests of the helpers


def write(package: Path, **files: str) -> None:
    for name, text in files.items():
        file = package / f"{name.replace('__', '/', 1) if '__' in name else name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text, encoding="utf-8")


def test_cycles_include_local_and_type_checking_imports(tmp_path: Path) -> None:
    package = tmp_path / "sample"
    write(
        package,
        one__a="from sample.two import b\n",
        two__b="def f():\n    from sample.one.a import x\n",
        two__c="if TYPE_CHECKING:\n    import sample.two.b\n",
    )
    graph = imports(package)
    assert graph["sample.two.c"] == {"sample.two.b"}
    paths = cycles(graph)
    assert len(paths) == 1
    edges = set(pairwise(paths[0]))
    assert edges == {("sample.one.a", "sample.two.b"), ("sample.two.b", "sample.one.a")}


def test_an_import_against_the_order_is_found(tmp_path: Path) -> None:
    package = tmp_path / "sample"
    write(
        package,
        one__a="from sample.two.b import x\n",
        two__b="",
        two__c="from sample.one import a\n",
    )
    graph = imports(package)
    assert against_order(graph, ("one", "two")) == ["sample.one.a -> sample.two.b"]
    assert against_order(graph, ("two", "one")) == ["sample.two.c -> sample.one.a"]
