"""Tests of the digests of the code that a job can reach."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snugnet.jobs import code_digests
from tests.paths import ROOT

# Every kind of syntax whose tree differs between Python versions, and some whose tree does not.
SAMPLE = r'''
"""A module."""
from __future__ import annotations
import os.path as p, sys
from typing import Any

@decorated
class Empty: ...

class Full(Empty, metaclass=type):
    """A class."""
    x: int = 1
    y: list[str]

    async def f(self, a, /, b=2, *c, d=None, e, **g) -> None:
        """A function."""
        async with self as s, b: await s
        return [i async for i in c if i]

def generator(*, n=...):
    global z
    lambda: (yield)
    for i, (j, *k) in {1: 2, **n}.items():
        if not -i < +j != ~i: continue
        elif i is not j and j in k or k: break
    else:
        z = {*k, 1_000, 0x1F, 1.5e-7, 2j, b"\xff", u"kind", None, True, "🫨 é\n"}
    try:
        del n[1:2, ::3]
    except* (ValueError, OSError) as error:
        raise RuntimeError from error
    finally:
        assert z, f"{z!r:>{j}} {{}} {i=} {f'{j:.2f}' 'joined'}" "and" f" {k}" u"more" f""
    while (w := n): pass
    match w:
        case [1, *_, {"a": b, **rest}] | Full(x=0): nonlocal_ = b @ rest // 2 ** 3 % 4 << 5
        case None if w: z |= 1
        case _: return
'''
SAMPLE_DIGEST = "8308bc60f14a4bf7"
DIGEST_ALL = """
import json, pathlib, sys
from snugnet.jobs.code_digests import compute_all_digests
print(json.dumps(compute_all_digests(*map(pathlib.Path, sys.argv[1:]))))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    package = tmp_path / "src" / "snugnet"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "far.py").write_text("def far():\n    return 1\n")
    (package / "near.py").write_text(
        '"""Near."""\n\ndef near():\n    from snugnet.far import far\n    return far()\n'
    )
    (package / "apart.py").write_text("VALUE = 1\n")
    (tmp_path / "job.py").write_text("from snugnet import near\nimport numpy\n")
    return tmp_path


def digests(source: Path, *modules: str, without: tuple[str, ...] = ()) -> dict[str, str]:
    code_digests._read.cache_clear()
    code_digests._module_path.cache_clear()
    return code_digests.compute_code_digests(source / "job.py", modules, source / "src", without)


def test_digests_lack_module_when_only_excluded_one_imports_it(source):
    assert list(digests(source, without=("snugnet.near",))) == ["job.py", "snugnet"]


def test_digests_include_module_when_a_function_imports_it(source):
    assert list(digests(source)) == ["job.py", "snugnet", "snugnet.far", "snugnet.near"]


def test_digests_include_module_when_it_is_named_at_run_time(source):
    assert "snugnet.apart" in digests(source, "snugnet.apart")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Near."""', '"""Another docstring."""'),
        ('"""Near."""\n', ""),
        ("def near", "# a comment\ndef near"),
        ("    return far()", "    return (far( ))\n"),
        ("def near():\n", "def near():\n    '''Doc.'''\n\n"),
    ],
)
def test_digests_are_equal_when_only_comments_or_format_differ(source, old, new):
    before = digests(source)
    path = source / "src/snugnet/near.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert digests(source) == before


def test_only_one_digest_changes_when_a_distant_module_changes(source):
    before = digests(source)
    (source / "src/snugnet/far.py").write_text("def far():\n    return 2\n")
    after = digests(source)
    assert {name for name in before if before[name] != after[name]} == {"snugnet.far"}


def test_digests_fail_when_module_does_not_exist(source):
    with pytest.raises(FileNotFoundError, match=r"snugnet\.absent"):
        digests(source, "snugnet.absent")


def test_digest_equals_recorded_when_sample_has_every_syntax(tmp_path):
    """If this fails with one version of Python only, results would be made again with it."""
    (tmp_path / "sample.py").write_text(SAMPLE, encoding="utf-8")
    assert code_digests.compute_all_digests(tmp_path) == {
        f"{tmp_path.name}/sample.py": SAMPLE_DIGEST
    }


def other_interpreters() -> list[str]:
    """Find supported interpreters of other versions, on the path and of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    versions = [f"3.{minor}" for minor in (11, 12, 13) if minor != sys.version_info.minor]
    candidates = [shutil.which(f"python{version}") for version in versions]
    candidates += [str(path) for v in versions for path in pyenv.glob(f"{v}.*/bin/python")]
    return [path for path in candidates if path is not None]


def test_digests_are_equal_when_python_version_differs():
    folders = [ROOT / "src", ROOT / "workflow" / "scripts"]
    expected = code_digests.compute_all_digests(*folders)
    compared = 0
    for python in other_interpreters():
        done = subprocess.run(
            [python, "-c", DIGEST_ALL, *map(str, folders)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
        )
        if "No such command" in done.stderr or "command not found" in done.stderr:
            continue  # a shim of pyenv, for a version that is not active
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected, python
        compared += 1
    if compared == 0:
        pytest.skip("no other supported Python that works is on the path or in pyenv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f(1, None)", "f(1)"),
        ("x = []", "x = None"),
        ("x = [None]", "x = []"),
        ("{**a}", "{None: a}"),
        ("f'{a}b'", "f'{a}' + 'b'"),
        ("f'a{b}'", "f'{b}a'"),
        ("f'{a!r}'", "f'{a}'"),
        ("f'ab'", "'ab'"),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = b'a'"),
        ("def f(*, a): pass", "def f(*, a=None): pass"),
        ("return_ = a < b < c", "return_ = a < (b < c)"),
    ],
)
def test_digests_differ_when_code_differs(tmp_path, old, new):
    (tmp_path / "old.py").write_text(old)
    (tmp_path / "new.py").write_text(new)
    assert len(set(code_digests.compute_all_digests(tmp_path).values())) == 2
