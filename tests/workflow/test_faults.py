"""Tests of runs that are killed, or whose disk is full, read-only or damaged."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests import debian
from tests.workflow.conftest import TINY, Project
from tests.workflow.test_fork_servers import (
    RUN,
    assert_same_results,
    processes,
    server_at_work,
    wait_until_all_processes_end,
)

KILLS = 20

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def victims(project: Project, run: subprocess.Popen[bytes]) -> dict[str, list[int]]:
    """Return the processes of a run by kind; the children of the server run jobs."""
    living = {p: arguments for p, arguments in processes(project).items() if p != run.pid}
    of_server = [
        process for process, arguments in living.items() if "snugnet.jobs.fork_server" in arguments
    ]
    server = [process for process in of_server if parent(process) not in of_server]
    jobs = [process for process in living if process not in server]
    return {"snakemake": [run.pid], "server": server, "job": jobs}


def parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def finish(project: Project) -> None:
    project.snakemake("--unlock", "--cores", "1", *TINY)
    project.snakemake(*RUN)


def assert_nothing_left_to_do(project: Project) -> None:
    assert "Nothing to be done" in project.snakemake("-n", *RUN)


def test_results_are_equal_when_run_is_killed_twenty_times(tiny, project):
    chance = random.Random(0)
    kinds = [kind for kind in ("snakemake", "job", "server") for _ in range(7)][:KILLS]
    chance.shuffle(kinds)
    killed, finished = [], 0
    while kinds:
        run = project.start(*RUN)
        due = time.monotonic() + chance.uniform(2, 25)
        # If no such process exists at that moment, one is killed as soon as it exists.
        while run.poll() is None:
            living = victims(project, run)[kinds[-1]]
            if time.monotonic() > due and living:
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(chance.choice(living), signal.SIGKILL)
                    killed.append(kinds.pop())
                    break
            time.sleep(0.02)
        run.wait(timeout=600)
        wait_until_all_processes_end(project)
        project.snakemake("--unlock", "--cores", "1", *TINY)
        if "Nothing to be done" in project.snakemake("-n", *RUN):
            assert_same_results(project, tiny)
            finished += 1
            shutil.rmtree(project.folder / "results")
    finish(project)
    assert_same_results(project, tiny)
    assert_nothing_left_to_do(project)
    print(f"killed {', '.join(killed)}; finished {finished + 1} times, each with the same results")


def run_with_private_mount(project: Project, script: str) -> str:
    """Run a shell script that mounts a file system of its own as `results`, and keep these."""
    (project.folder / "results").mkdir()
    again = f"snakemake {' '.join(RUN)}"
    text = f"run() {{ {again} 2>&1; }}\n{script}\ncp -r results kept\n"
    status, output = project.run(*debian.private_mount_command(text))
    assert status == 0, output[-6000:]
    (project.folder / "results").rmdir()
    (project.folder / "kept").rename(project.folder / "results")
    return output


def test_run_names_full_disk_and_continues_when_space_is_freed(tiny, project):
    output = run_with_private_mount(
        project,
        """
        mount -t tmpfs -o size=700k none results
        if run; then exit 1; fi
        echo '--- more room ---'
        mount -o remount,size=1g results
        snakemake --unlock --cores 1 --configfile config/tiny.yaml
        run
        """,
    )
    assert "No space left on device" in output.split("--- more room ---")[0]
    assert_same_results(project, tiny)


def test_run_names_read_only_and_continues_when_writable_again(tiny, project):
    output = run_with_private_mount(
        project,
        """
        models=results/tiny/models
        mount -t tmpfs -o size=1g none results
        mkdir -p $models
        mount -t tmpfs none $models
        run > first & first=$!
        until [ -e $models/digits_fc/original/model.h5 ]; do sleep 0.1; done
        until mount -o remount,ro $models; do sleep 0.1; done
        if wait $first; then exit 1; fi
        cat first
        echo '--- writable again ---'
        mount -o remount,rw $models
        snakemake --unlock --cores 1 --configfile config/tiny.yaml
        run
        """,
    )
    assert "Read-only file system" in output.split("--- writable again ---")[0]
    assert_same_results(project, tiny)


def test_second_run_fails_when_folder_is_locked(tiny, project):
    first = project.start(*RUN)
    while not (project.results / "logs").exists():
        assert first.poll() is None, project.output
        time.sleep(0.1)
    status, output = project.run("snakemake", *RUN)
    assert status == 1
    assert "Directory cannot be locked" in output
    assert first.wait(timeout=600) == 0, project.output[-6000:]
    assert_same_results(project, tiny)


def test_run_reports_memory_when_job_is_killed(tiny, project):
    """The kernel ends a process that uses too much memory with SIGKILL."""
    run = project.start(*RUN)
    _, child = server_at_work(project, run)
    os.kill(child, signal.SIGKILL)
    assert run.wait(timeout=600) != 0
    assert "the job was killed (SIGKILL): probably out of memory" in project.output
    finish(project)
    assert_same_results(project, tiny)


def test_run_reports_memory_when_allocation_fails(project):
    """Two gigabytes are not enough for a dataset of three."""
    np.savez_compressed(
        project.folder / "big.npz",
        x=np.zeros((60_000, 1_000, 12), np.float32),
        y=np.arange(60_000) % 2,
    )
    dataset = {"kind": "windows", "path": "big.npz"}
    config = {"datasets_dir": ".", "datasets": {"big": dataset}}
    (project.folder / "big.yaml").write_text(json.dumps(config))
    target = ("results/data/big/train.npz", "--configfile", "big.yaml")
    limited = ("prlimit", "--as=2500000000", "snakemake", "--cores", "1")
    status, output = project.run(*limited, *target)
    assert status == 1
    assert "Unable to allocate 2.68 GiB" in output


def damage(path: Path) -> None:
    """Change a bit as a faulty disk does: the size and the time of the file stay the same."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("data/digits/test.npz", "predictions/digits_fc/original/drq/litert.npz"),
        ("models/digits_fc/original/model.h5", "tflite/digits_fc/original/drq/model.tflite"),
        (
            "tflite/digits_fc/original/drq/model.tflite",
            "predictions/digits_fc/original/drq/litert.npz",
        ),
        (
            "predictions/digits_fc/original/drq/litert.npz",
            "metrics/digits_fc/original/drq/litert.json",
        ),
    ],
)
def test_run_prints_command_when_file_is_damaged(tiny, file, reader):
    before = tiny.manifest()
    path, target = tiny.results / file, f"results/tiny/{reader}"
    damage(path)
    output = tiny.snakemake("--cores", "1", "--force", target, *TINY, ok=False)
    assert f"results/tiny/{file}: damaged or changed since it was created" in output
    command = f"snakemake --cores 1 --force results/tiny/{file} --configfile config/tiny.yaml"
    assert command in output
    tiny.snakemake(*command.split()[1:])
    tiny.snakemake("--cores", "all", "all", *TINY)
    assert tiny.manifest() == before
    assert tiny.plan() == {}
