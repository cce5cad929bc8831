"""Show notebooks as pages of the documentation: a hook of MkDocs (`hooks` in mkdocs.yml).

A notebook is converted to Markdown, and its code is not run. So the site needs no Jupyter, and
links between pages and notebooks work on the site and in the repository.
"""

import json
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

SUFFIX = ".ipynb"


class NotebookFile(File):
    """A notebook, which is a page and no download."""

    def is_documentation_page(self) -> bool:
        """Return True: MkDocs renders the file."""
        return True


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace each notebook in the documentation by a page."""
    for file in [file for file in files if file.src_uri.endswith(SUFFIX)]:
        files.remove(file)
        notebook = NotebookFile(
            file.src_uri,
            config.docs_dir,
            config.site_dir,
            config.use_directory_urls,
            inclusion=file.inclusion,
        )
        files.append(notebook)
    return files


def on_page_read_source(page: Page, config: MkDocsConfig) -> str | None:
    """Return the Markdown text of a notebook; None for other pages, which MkDocs reads itself."""
    if not page.file.src_uri.endswith(SUFFIX):
        return None
    return to_markdown(json.loads(page.file.content_string))


def to_markdown(notebook: dict[str, Any]) -> str:
    """Convert a notebook to Markdown: text as it is, code as blocks of its language.

    Args:
        notebook: The parsed file, format 4. Outputs are left out.

    Raises:
        ValueError: If a cell is neither Markdown nor code.
    """
    language = notebook["metadata"].get("language_info", {}).get("name", "python")
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).strip("\n")
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts.append(f"```{language}\n{source}\n```")
        else:
            raise ValueError(f"a cell is of type {cell['cell_type']!r}; use markdown or code")
    return "\n\n".join(parts) + "\n"
