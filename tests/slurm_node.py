"""A Slurm cluster of one node, which is this machine; started and stopped by tests, by root."""

import os
import secrets
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests import debian

# Where Debian's Slurm looks. SLURM_CONF would do for daemons and users, but does not reach what
# runs inside of jobs.
CONFIGURED = Path("/etc/slurm/slurm.conf")
HEADER = "# written by Snugnet's tests\n"
PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "scancel", "sinfo")
# Memory is monitored, not limited: a job that exceeds its request is ended within seconds.
CONFIGURATION = (
    HEADER
    + """\
ClusterName=snugnet
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={other_port}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
MinJobAge=3600
ReturnToService=2
SlurmdTimeout=10
KillWait=2
JobRequeue=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
)


class Cluster:
    """Its daemons and its jobs."""

    def __init__(self, folder: Path) -> None:
        debian.require(*PROGRAMS, root=True)
        if CONFIGURED.exists() and not CONFIGURED.read_text().startswith(HEADER):
            # Its file is not ours to replace, nor are its nodes ours to kill.
            pytest.skip(f"this machine belongs to a cluster: {CONFIGURED} is there")
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
        (folder / "munge.key").chmod(0o400)
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            folder=folder,
            port=_free_port(),
            other_port=_free_port(),
            cpus=os.cpu_count(),
            memory=pages * size * 3 // 4 // 2**20,
        )
        CONFIGURED.write_text(text)

    def start(self) -> None:
        """Start all daemons and wait until the node is idle."""
        munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
        options = [f"--{name}={self.folder}/munge.{end}" for name, end in munge.items()]
        self.run("munged", "--force", f"--seed-file={self.folder}/munge.seed", *options)
        self.run("slurmctld")
        self.start_node()

    def start_node(self) -> None:
        """Start the node's daemon."""
        self.run("slurmd")
        self.wait("idle")

    def kill_node(self) -> None:
        """Kill the node's daemon and all that runs for jobs, as if the node had lost its power."""
        node = _daemons("slurmd", "slurmstepd")
        for process in [*node, *(child for one in node for child in one.children(recursive=True))]:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def stop(self) -> None:
        """Stop all jobs and daemons, and leave nothing behind."""
        self.run("scancel", "--user=root")
        self.wait("idle")
        for process in _daemons("slurmd", "slurmctld", "munged"):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        CONFIGURED.unlink()

    def jobs(self) -> dict[str, str]:
        """Return the state of each job by its number, finished ones too."""
        output = self.run("squeue", "--noheader", "--states=all", "--format=%i %T")
        return dict(line.split() for line in output.splitlines())

    def wait(self, state: str, seconds: float = 60) -> None:
        """Wait until the node is in a state."""
        deadline = time.monotonic() + seconds
        while state not in (states := self.run("sinfo", "--noheader", "--format=%T")):
            assert time.monotonic() < deadline, f"the node is {states.strip()}, not {state}"
            time.sleep(0.5)

    def run(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


def _daemons(*names: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if process.name() in names]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
