"""Tests of progress lines."""

from snugnet.core.progress import progress


def test_progress_prints_time_left_when_work_advances(capsys):
    with progress(3, "work", seconds=0) as meter:
        for _ in range(3):
            meter.update(1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("work: 0/3")
    assert lines[-1].startswith("work: 3/3")
    assert all(line.endswith("left") for line in lines)
