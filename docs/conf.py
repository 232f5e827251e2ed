"""Configuration of the site, which Sphinx builds from Markdown and the docstrings of the package.

`make docs` builds it into `site/`. The source folder is the root of the project, so that links
between pages are those that work in the repository, too.
"""

import os
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

import elastic_core

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the notebook

project = "elastic-core"
version = release = elastic_core.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "examples/README.md",
    "examples/**/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "target", "site", "**/__pycache__"]

myst_heading_anchors = 4
highlight_language = "none"
pygments_dark_style = "monokai"

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = -1

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False
maximum_signature_line_length = 80
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_extra_path = ["root"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"elastic-core {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

_COLON = "\ue000"
"""Replaces a colon while napoleon reads a property, where a colon would end a type."""


def _as_rst(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Writes the Markdown of a docstring as reStructuredText, before napoleon reads it."""
    del app, name, obj, options
    parts = re.split(r"`([^`]+)`", "\n".join(lines))
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    parts[1::2] = [_as_literal(" ".join(part.split())) for part in parts[1::2]]
    text = "".join(parts)
    if what in ("property", "attribute"):
        first, *rest = text.split("\n\n", 1)
        text = "\n\n".join([first.replace(":", _COLON), *rest])
    lines[:] = text.split("\n")


def _as_literal(code: str) -> str:
    """Code as a literal, or a link where it is the name of a page."""
    if page := re.fullmatch(r"docs/([\w-]+)\.md", code):
        return f":doc:`/docs/{page[1]}`"
    return f"``{code}``"


def _restore_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Puts the colons of a property back, after napoleon has read it."""
    del app, what, name, obj, options
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def _shorten_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    result: str | None,
) -> tuple[str | None, str | None]:
    """Leaves out the constructor of protocols, and writes types of arrays as the code does."""
    del app, what, name, options
    if getattr(obj, "_is_protocol", False):
        return "", None
    return _with_array_names(signature), _with_array_names(result)


def _with_array_names(text: str | None) -> str | None:
    array = r"~?numpy\.ndarray\[tuple\[[^]]*\], ~?numpy\.dtype\[([^]]+)\]\]"
    return text and re.sub(array, r"NDArray[\1]", text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers what the extensions cannot be configured to do."""
    app.connect("autodoc-process-docstring", _as_rst, priority=400)
    app.connect("autodoc-process-docstring", _restore_colons, priority=600)
    app.connect("autodoc-process-signature", _shorten_signature)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"parallel_read_safe": True}
