"""Runs every block of code in the README and in docs/.

A page's blocks run in order, in one folder of their own. `python` blocks share their variables.
`bash` blocks are scripts. `console` blocks show a terminal: commands after `$ `, continued after
`> `, each followed by its output, in which a line `...` matches any lines, and `...` within a line
any text. A block that cannot run here is preceded by the line `<!-- not run: WHY -->`.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import environment

ROOT = Path(__file__).parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()
]
BLOCK = re.compile(
    r"^(?P<not_run><!-- not run: [^\n]+ -->\n)?"
    r"```(?P<kind>python|bash|console)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code and the line of the page on which it starts."""

    kind: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The page's blocks to run."""
    text = page.read_text()
    return [
        Block(match["kind"], match["code"], text.count("\n", 0, match.start("code")) + 1)
        for match in BLOCK.finditer(text)
        if not match["not_run"]
    ]


def run_shell(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_console(code: str, folder: Path) -> None:
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *printed = re.split(r"\n(?!> )", part.rstrip("\n"))
        output = run_shell(re.sub(r"\n> ", "\n", command), folder)
        assert_printed([line.rstrip() for line in printed], output)


def assert_printed(expected: list[str], output: str) -> None:
    lines = "\n".join(line.rstrip() for line in output.rstrip().splitlines()) + "\n"
    pattern = "".join(
        "(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in expected
    )
    message = "\n".join(["expected", *expected, "found", output])
    assert re.fullmatch(pattern or r"\s*", lines), message


@pytest.mark.usefixtures("program_server")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", environment()["PATH"])
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks(page):
        match block.kind:
            case "console":
                run_console(block.code, tmp_path)
            case "bash":
                run_shell(block.code, tmp_path)
            case _:
                exec(compile("\n" * (block.line - 1) + block.code, page, "exec"), names)


def test_some_pages_have_blocks() -> None:
    assert any(blocks(page) for page in PAGES)
