"""Tests of the target `fetch` with a local server."""

import json
import os
import re
import threading
import time

import pytest

from tests import publisher

FILES = {
    "train-images-idx3-ubyte.gz": os.urandom(300_000),
    "train-labels-idx1-ubyte.gz": os.urandom(3_000),
    "t10k-images-idx3-ubyte.gz": os.urandom(100_000),
    "t10k-labels-idx1-ubyte.gz": os.urandom(500),
}


@pytest.fixture
def server():
    with publisher.publishing(dict(FILES)) as server:
        yield server


@pytest.fixture
def arguments(project, server):
    (project.folder / "sums").mkdir()
    (project.folder / "sums" / "mnist.txt").write_text(server.sums())
    fetch = {
        "datasets": ["mnist"],
        "urls": {"mnist": server.url},
        "sums": "sums",
        "back_off": 0.01,
        "attempts": 2,
    }
    (project.folder / "fetch.yaml").write_text(json.dumps({"fetch": fetch}))
    return ("--cores", "2", "fetch", "--configfile", "fetch.yaml")


def fetched(project) -> dict[str, bytes]:
    files = (project.folder / "datasets/mnist").glob("[!.]*")
    return {path.name: path.read_bytes() for path in files}


def test_fetch_resumes_when_it_was_killed(project, server, arguments):
    done = threading.Event()
    server.faults["train-images-idx3-ubyte.gz"] = [publisher.stall(done, 200_000)]
    process = project.start(*arguments)
    part = project.folder / "datasets/mnist/train-images-idx3-ubyte.gz.part"
    while not (part.exists() and part.stat().st_size >= 131_072):
        assert process.poll() is None, project.output
        time.sleep(0.05)
    process.kill()
    process.wait()
    done.set()
    server.sent.clear()
    output = project.snakemake(*arguments)
    assert fetched(project) == FILES
    assert server.sent["train-images-idx3-ubyte.gz"] <= 300_000 - 131_072
    assert re.search(r"mnist: +\d+(\.\d)?kB \[", output)  # how far it is, on the console
    server.requests.clear()
    project.snakemake(*arguments)
    assert not server.requests
    assert "mnist: downloaded 0 files" in (project.folder / "results/logs/fetch.log").read_text()


def test_fetch_names_file_and_keeps_others_when_one_is_missing(project, server, arguments):
    del server.files["t10k-labels-idx1-ubyte.gz"]
    output = project.snakemake(*arguments, ok=False)
    assert "error: fetch: 1 of 4 files of mnist failed:" in output
    assert "t10k-labels-idx1-ubyte.gz: the server returned 404" in output
    assert len(fetched(project)) == 3
