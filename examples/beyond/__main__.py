"""The elastic law beyond its statement, on any text: sign flips, depth, volume and overlap.

Run it from the project's root; `pip install 'elastic-core[experiments]'` installs what it needs:

    python examples/beyond --pretrain FOLDER --align FOLDER --perturb NAME=FOLDER --out FOLDER

It prints the tables of `docs/elasticity.md` as Markdown and writes its figures to the last folder.
There is one file for each question: `flips`, `depth`, `pretraining` and `overlap`.
"""

from pathlib import Path

import click
import depth
import flips
import overlap
import pretraining
from corpora import Documents, Texts, read, standard_library

EXAMPLES = {
    "Where the signs flip": flips,
    "Depth: capacity": depth,
    "More pre-training": pretraining,
    "Overlap": overlap,
}
EXISTING = click.Path(exists=True, path_type=Path)


@click.command()
@click.option("--pretrain", required=True, type=EXISTING, help="Pre-training text.")
@click.option("--align", required=True, type=EXISTING, help="Alignment text.")
@click.option(
    "--perturb",
    required=True,
    multiple=True,
    metavar="NAME=PATH",
    help="Perturbation text and its name; repeat for several.",
)
@click.option(
    "--unrelated",
    metavar="NAME=PATH",
    show_default="the .py files of Python's standard library",
    help="Text unlike all others.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for figures.")
def main(
    pretrain: Path, align: Path, perturb: tuple[str, ...], unrelated: str | None, out: Path
) -> None:
    """Test the elastic law beyond its statement."""
    named = dict(map(_named, perturb))
    name, other = _named(unrelated) if unrelated else ("Python code", read(standard_library()))
    texts = Texts(read(pretrain), read(align), {**named, name: other})
    out.mkdir(parents=True, exist_ok=True)
    for title, example in EXAMPLES.items():
        click.echo(f"## {title}\n\n{example.study(texts, out)}\n")


def _named(option: str) -> tuple[str, Documents]:
    name, equals, path = option.partition("=")
    if not equals:
        raise click.UsageError(f"{option}: write NAME=PATH")
    return name, read(EXISTING.convert(path, None, None))


main()
