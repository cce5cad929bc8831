"""Digests change with what code does, and with nothing else."""

from pathlib import Path

import pytest

from snugnet import provenance


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


def digests(source: Path, *modules: str) -> dict[str, str]:
    provenance._read.cache_clear()
    return provenance.code_digests(source / "job.py", modules, source / "src")


def test_closure_follows_imports_inside_functions_and_leaves_others_out(source):
    assert list(digests(source)) == ["job.py", "snugnet", "snugnet.far", "snugnet.near"]


def test_modules_named_at_run_time_join_the_closure(source):
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
def test_comments_docstrings_and_formatting_change_nothing(source, old, new):
    before = digests(source)
    path = source / "src/snugnet/near.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert digests(source) == before


def test_a_change_far_down_the_imports_changes_its_digest_alone(source):
    before = digests(source)
    (source / "src/snugnet/far.py").write_text("def far():\n    return 2\n")
    after = digests(source)
    assert {name for name in before if before[name] != after[name]} == {"snugnet.far"}


def test_a_module_that_does_not_exist_is_refused(source):
    with pytest.raises(FileNotFoundError, match=r"snugnet\.absent"):
        digests(source, "snugnet.absent")
