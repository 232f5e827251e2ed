"""The imports of the Rust core have no cycles and follow the order of its modules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "rust" / "src"

# A module imports from those before it only. `lib` declares them all.
ORDER = (
    "error",
    "memory",
    "job",
    "io",
    "tokens",
    "corpus",
    "tree",
    "code",
    "model",
    "statistics",
    "elasticity",
    "compress",
    "python",
    "lib",
)

COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
USE = re.compile(r"^\s*(?:(pub(?:\([^)]*\))?)\s+)?use\s+([^;]+);", re.MULTILINE)
PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")
MODULE = tuple[str, ...]


def leaves(tree: str, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The paths that a `use` tree imports, each with its local name."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if brace:
        prefix += tuple(part for part in head.strip().split("::") if part)
        depth, start = 0, 0
        inner = rest[: rest.rindex("}")] + ","
        for at, letter in enumerate(inner):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if letter == "," and depth == 0:
                if inner[start:at].strip():
                    yield from leaves(inner[start:at], prefix)
                start = at + 1
        return
    path, _, alias = tree.partition(" as ")
    parts = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
    if parts[-1] == "self":
        parts = parts[:-1]
    yield parts, alias.strip() or parts[-1]


@dataclass(frozen=True)
class Crate:
    """The text of a crate's files without comments, by module path; () is the root."""

    files: dict[MODULE, str]

    @staticmethod
    def read(root: Path) -> "Crate":
        files = {}
        for path in root.rglob("*.rs"):
            module = path.relative_to(root).with_suffix("").parts
            if module[-1] in ("mod", "lib"):
                module = module[:-1]
            files[module] = COMMENTS.sub("", path.read_text(encoding="utf-8"))
        return Crate(files)

    def absolute(self, path: tuple[str, ...], module: MODULE) -> tuple[str, ...] | None:
        """The path from the root; None if it leads out of the crate."""
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return module + path[1:]
        if path[0] == "super":
            while path and path[0] == "super":
                path, module = path[1:], module[:-1]
            return module + path
        inside = module if (*module, path[0]) in self.files else None
        return None if inside is None else inside + path

    def owner(self, path: tuple[str, ...]) -> MODULE:
        """The file that defines `path`, with re-exports resolved."""
        module: MODULE = ()
        while len(module) < len(path) and (*module, path[len(module)]) in self.files:
            module = path[: len(module) + 1]
        rest = path[len(module) :]
        for exported, name in self.exports(module) if rest else ():
            if name == rest[0]:
                return self.owner(exported + rest[1:])
        return module

    def exports(self, module: MODULE) -> Iterator[tuple[tuple[str, ...], str]]:
        """The re-exports of a module: paths from the root, with their local names."""
        for public, tree in USE.findall(self.files[module]):
            for path, name in leaves(tree) if public else ():
                target = self.absolute(path, module)
                if target is not None:
                    yield target, name

    def imports(self, module: MODULE) -> set[MODULE]:
        """The files from which a file uses names.

        A re-export is not a use: a file that imports the name depends on the defining file.
        A `super::*` in a file's own test module stays within the file.
        """
        text = self.files[module]
        paths = [
            path
            for public, tree in USE.findall(text)
            for path, _ in leaves(tree)
            if not public and path[-1] != "*"
        ]
        paths += [tuple(path.split("::")) for path in PATH.findall(USE.sub("", text))]
        targets = (self.absolute(path, module) for path in paths)
        return {self.owner(target) for target in targets if target is not None} - {module}

    def cycle(self) -> list[MODULE] | None:
        """An import cycle, as a path whose last file is its first; None if there is none."""
        graph = {module: sorted(self.imports(module)) for module in self.files}
        done: set[MODULE] = set()

        def visit(module: MODULE, above: list[MODULE]) -> list[MODULE] | None:
            if module in above:
                return [*above[above.index(module) :], module]
            if module not in done:
                for imported in graph[module]:
                    if path := visit(imported, [*above, module]):
                        return path
                done.add(module)
            return None

        return next((path for module in sorted(graph) if (path := visit(module, []))), None)

    def against_order(self, order: tuple[str, ...]) -> list[tuple[MODULE, MODULE]]:
        """Imports of a module from one that comes after it in `order`."""

        def rank(module: MODULE) -> int:
            return order.index(module[0] if module else "lib")

        return [
            (module, imported)
            for module in sorted(self.files)
            for imported in sorted(self.imports(module))
            if rank(imported) > rank(module)
        ]


@pytest.fixture(scope="module")
def core() -> Crate:
    return Crate.read(SOURCES)


def test_every_file_has_a_place_in_the_order(core: Crate) -> None:
    assert {module[0] if module else "lib" for module in core.files} == set(ORDER)


def test_there_are_no_import_cycles(core: Crate) -> None:
    assert core.cycle() is None


def test_imports_follow_the_order(core: Crate) -> None:
    assert core.against_order(ORDER) == []


def test_known_imports_of_the_core_are_found(core: Crate) -> None:
    assert ("error",) in core.imports(("job",))
    assert ("tree", "token_tree") in core.imports(("statistics", "by_depth"))
    assert {("tree", "stream"), ("tree", "shape")} <= core.imports(("tree", "disk_run"))


@pytest.fixture
def sample_crate(tmp_path: Path) -> Crate:
    files = {
        "lib.rs": "mod a;\nmod b;\npub use a::Thing;",
        "a/mod.rs": "mod one;\nmod two;\npub use one::{\n    Thing, thing as renamed\n};",
        "a/one.rs": "// use crate::b::Comment;\npub struct Thing;",
        "a/two.rs": "use super::one::Thing;\nmod tests {\n    use super::*;\n}",
        "b.rs": "use std::fmt;\nuse crate::{Thing, a::renamed};\nfn f() { crate::a::two::g(); }",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Crate.read(tmp_path)


def test_names_are_resolved_to_their_defining_files(sample_crate: Crate) -> None:
    assert sample_crate.imports(("a", "one")) == set()
    assert sample_crate.imports(("a", "two")) == {("a", "one")}
    assert sample_crate.imports(("b",)) == {("a", "one"), ("a", "two")}
    assert sample_crate.cycle() is None
    assert sample_crate.against_order(("a", "b", "lib")) == []


def test_an_import_against_the_order_is_found(sample_crate: Crate) -> None:
    assert sample_crate.against_order(("b", "a", "lib")) == [
        (("b",), ("a", "one")),
        (("b",), ("a", "two")),
    ]


def test_a_cycle_is_found(sample_crate: Crate) -> None:
    sample_crate.files[("a", "one")] += "use crate::b::{self, f};"
    assert sample_crate.cycle() == [("a", "one"), ("b",), ("a", "one")]
