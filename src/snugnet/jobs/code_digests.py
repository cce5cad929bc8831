"""Compute digests of the code that a job depends on: its script and all modules it can import.

Snakemake itself compares only the modification time of a rule's script. A rule with these digests
as a parameter re-runs if, and only if, code that it can reach has changed. Comments, docstrings,
formatting and modification times do not count.
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
# Nodes of a syntax tree that can have a docstring.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compute_code_digests(
    script: Path, modules: tuple[str, ...], source: Path, without: tuple[str, ...] = ()
) -> dict[str, str]:
    """Compute the digests of a job script and of all modules of this package that it can import.

    Args:
        script: The Python file that the job runs.
        modules: Dotted names of modules that the script selects by name at run time.
        source: The folder that contains the package.
        without: Dotted names of modules that do not affect the outputs of the job. They are left
            out, with everything that only they import.

    Returns:
        `{name: digest}`, sorted by name. The name of the script is its file name.

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
        is_known = module in digests or module in without
        path = None if is_known else _module_path(module, source)
        if path is not None:  # None: a name in a module, such as a function
            file = _read(path)
            digests[module] = file.digest
            pending += file.imports
    return dict(sorted(digests.items()))


def compute_all_digests(*folders: Path) -> dict[str, str]:
    """Compute the digests of all Python files below folders, as `compute_code_digests` does.

    Returns:
        `{path: digest}`, sorted by path. A path begins with the name of its folder.
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
    # Read bytes, so that the encoding does not depend on the machine's locale.
    tree = ast.parse(path.read_bytes(), filename=str(path))
    digest = hashlib.sha256(_dump(tree).encode()).hexdigest()[:16]
    names = [name for node in _walk_statements(tree) for name in _list_imports(node)]
    return _File(digest, [name for name in names if name.split(".")[0] == PACKAGE])


def _walk_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node. Expressions import nothing and are not visited."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            yield child
            yield from _walk_statements(child)


def _list_imports(node: ast.AST) -> list[str]:
    """List the modules that a statement imports, and imported names that may be modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        # `from package import module` names a module; `from module import name` does not.
        return [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
    return []


def _dump(value: Any) -> str:
    """Format a syntax tree as text that is the same with every supported Python version.

    The text of `ast.dump` differs: newer versions add fields, leave out empty fields, and split
    f-strings differently. Here the fields are sorted; empty fields and docstrings are left out.
    """
    if isinstance(value, ast.AST):
        if isinstance(value, ast.JoinedStr):
            value = ast.JoinedStr(_merge_texts(value.values))
        elif isinstance(value, DOCUMENTED) and ast.get_docstring(value, clean=False) is not None:
            value = copy(value)
            value.body = value.body[1:]
        fields = [
            f"{name}={_dump(field)}"
            for name in _sorted_fields(value._fields)
            if (field := getattr(value, name, None)) is not None and field != []
        ]
        return f"{type(value).__name__}({','.join(fields)})"
    if isinstance(value, list):
        return f"[{','.join(map(_dump, value))}]"
    # The result of `repr` depends on the Unicode tables of the Python version; `ascii` does not.
    return ascii(value)


@cache
def _sorted_fields(names: tuple[str, ...]) -> list[str]:
    """Sort the fields of a node, without `kind` (the prefix `u` of a string)."""
    return sorted(set(names) - {"kind"})


def _merge_texts(values: list[ast.expr]) -> list[ast.expr]:
    """Join neighbouring texts of an f-string and remove empty texts."""
    parts: list[ast.expr] = []
    for is_text, group in groupby(values, key=lambda value: isinstance(value, ast.Constant)):
        if not is_text:
            parts += group
        elif text := "".join(ast.literal_eval(value) for value in group):
            parts.append(ast.Constant(text))
    return parts
