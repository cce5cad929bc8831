"""Which code a job depends on: digests of its import closure, for Snakemake to compare.

Snakemake itself looks only at the modification time of a rule's script. A rule that carries
these digests as a parameter re-runs when, and only when, code that it can reach has changed:
comments, docstrings and formatting do not count, and neither do modification times.
"""

import ast
import hashlib
from collections.abc import Iterator
from copy import copy
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = "snugnet"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digests(script: Path, modules: tuple[str, ...], source: Path) -> dict[str, str]:
    """Digest a job script and every first-party module that it can import.

    Args:
        script: The Python file that the job runs.
        modules: Dotted names of modules that the script selects by name at run time.
        source: The folder that holds the package.

    Returns:
        `{name: digest}` in order of name; the script's own name is its file name.

    Raises:
        FileNotFoundError: If a module of `modules` does not exist in `source`.
    """
    for module in modules:
        if _module_path(module, source) is None:
            raise FileNotFoundError(f"module {module!r} has no file below {source}")
    file = _read(script)
    digests = {script.name: file.digest}
    pending = [*modules, *file.imports]
    while pending:
        module = pending.pop()
        path = None if module in digests else _module_path(module, source)
        if path is not None:  # else a name that a module holds
            file = _read(path)
            digests[module] = file.digest
            pending += file.imports
    return dict(sorted(digests.items()))


def all_digests(*folders: Path) -> dict[str, str]:
    """Digest every Python file below folders, as `code_digests` does.

    Returns:
        `{path: digest}` in order of path, which begins with its folder's name.
    """
    files = {
        path.relative_to(folder.parent).as_posix(): _read(path).digest
        for folder in folders
        for path in folder.rglob("*.py")
    }
    return dict(sorted(files.items()))


@cache
def _module_path(module: str, source: Path) -> Path | None:
    base = source.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


class _File(NamedTuple):
    digest: str
    imports: list[str]


@cache
def _read(path: Path) -> _File:
    # Bytes, so that the encoding does not depend on the machine's locale.
    tree = ast.parse(path.read_bytes(), filename=str(path))
    digest = hashlib.sha256(_dump(tree).encode()).hexdigest()[:16]
    names = [name for node in _statements(tree) for name in _imported(node)]
    return _File(digest, [name for name in names if name.split(".")[0] == PACKAGE])


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """List the statements below a node; expressions, which import nothing, are not visited."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield child
            yield from _statements(child)


def _imported(node: ast.AST) -> list[str]:
    """List what a statement imports: modules, and names that may be modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        # `from package import module` names a module; `from module import name` does not.
        return [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
    return []


def _dump(value: Any) -> str:
    """Write what a syntax tree does as text that is the same with every supported Python version.

    `ast.dump` is not: newer versions add fields, leave out empty ones, and split f-strings
    differently. Here the fields are sorted, and empty ones and docstrings are left out.
    """
    if isinstance(value, ast.AST):
        if isinstance(value, ast.JoinedStr):
            value = ast.JoinedStr(_merged(value.values))
        elif isinstance(value, DOCUMENTED) and ast.get_docstring(value, clean=False) is not None:
            value = copy(value)
            value.body = value.body[1:]
        inside = [
            f"{name}={_dump(field)}"
            for name in _sorted_fields(value._fields)
            if (field := getattr(value, name, None)) is not None and field != []
        ]
        return f"{type(value).__name__}({','.join(inside)})"
    if isinstance(value, list):
        return f"[{','.join(map(_dump, value))}]"
    # `repr` would escape the characters that the version's Unicode tables lack.
    return ascii(value)


@cache
def _sorted_fields(names: tuple[str, ...]) -> list[str]:
    """Sort the fields of a node; `kind`, the prefix `u` of a string, is left out."""
    return sorted(set(names) - {"kind"})


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """Join neighbouring texts of an f-string, and drop empty ones."""
    parts: list[ast.expr] = []
    for is_text, group in groupby(values, key=lambda value: isinstance(value, ast.Constant)):
        if not is_text:
            parts += group
        elif text := "".join(ast.literal_eval(value) for value in group):
            parts.append(ast.Constant(text))
    return parts
