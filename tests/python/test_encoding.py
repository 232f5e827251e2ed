"""Text files are UTF-8 whatever the locale: no file is opened without naming its encoding."""

import ast
from collections.abc import Iterator
from pathlib import Path

import elastic_core

PACKAGE = Path(elastic_core.__file__).parent
TEXT_CALLS = ("read_text", "write_text", "TextIOWrapper", "fdopen", "NamedTemporaryFile")
READS_BINARY = ("gzip.open", "lzma.open", "bz2.open")


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call in a file, with the name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def opens_text(call: ast.Call, name: str) -> bool:
    """Whether a call opens a file as text, judging by its name and mode."""
    method = name.rpartition(".")[2]
    if method in TEXT_CALLS:
        return True
    if method != "open" or name in (*READS_BINARY, "os.open"):
        return False
    modes = [
        value.value
        for argument in (*call.args, *(word.value for word in call.keywords if word.arg == "mode"))
        for value in ast.walk(argument)
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
    owner = name.rpartition(".")[0]
    return not owner[:1].isupper() and not any("b" in mode for mode in modes)


def names_encoding(call: ast.Call) -> bool:
    """Whether the encoding is given, by keyword or as the argument of `read_text("utf-8")`."""
    return any(word.arg == "encoding" for word in call.keywords) or any(
        isinstance(value, ast.Constant) and value.value == "utf-8" for value in call.args
    )


def without_encoding(source: str, name: str) -> list[str]:
    return [
        f"{name}:{call.lineno}: {called}"
        for call, called in calls(ast.parse(source))
        if opens_text(call, called) and called != "write_text" and not names_encoding(call)
    ]


def test_every_text_file_is_opened_with_an_encoding() -> None:
    faults = [
        fault
        for file in sorted(PACKAGE.rglob("*.py"))
        for fault in without_encoding(file.read_text("utf-8"), str(file.relative_to(PACKAGE)))
    ]
    assert not faults


def test_the_check_finds_a_missing_encoding() -> None:
    for source in ("open(x)", "p.open('w')", "p.read_text()", "p.write_text(t)", "io.open(x, 'r')"):
        assert without_encoding(source, "x"), source
    for source in ("open(x, 'rb')", "p.open('w', encoding='utf-8')", "p.read_text('utf-8')"):
        assert not without_encoding(source, "x"), source
