"""What a confined process cannot do any more, tried in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the full set of limits is Linux's")

ROOT = Path(__file__).parents[3]
TRIALS = """
import json, os, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from store.files.confinement import allow_cpu, confine

def trial(work):
    try:
        work()
    except (OSError, MemoryError, ValueError, BlockingIOError) as error:
        return type(error).__name__
    return "done"

def grow_back():
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

written = open(sys.argv[2], "wb")
held = confine(memory_bytes=300 * 1024 * 1024)
allow_cpu(1)
def write():
    written.write(b"x")
    written.flush()
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
results = {
    "open": trial(lambda: open("/etc/hostname")),
    "socket": trial(socket.socket),
    "duplicate": trial(lambda: os.dup(1)),
    "fork": trial(os.fork),
    "write": trial(write),
    "grow": trial(lambda: bytes(400 * 1024 * 1024)),
    "fit": trial(lambda: bytes(50 * 1024 * 1024)),
    "regain": trial(grow_back),
    "become root": trial(lambda: os.setuid(0)) if os.geteuid() else "is root",
}
os.write(1, json.dumps([held, os.geteuid(), results]).encode())
if sys.argv[3] == "spin":
    while True:
        pass
os._exit(0)
"""


def confined(tmp_path: Path, then: str) -> subprocess.CompletedProcess[bytes]:
    arguments = [sys.executable, "-I", "-B", "-c", TRIALS, str(ROOT), str(tmp_path / "written"), then]
    return subprocess.run(arguments, capture_output=True, timeout=60, check=False)


def test_confined_process_opens_nothing_starts_nothing_and_cannot_go_back(tmp_path: Path) -> None:
    done = confined(tmp_path, "end")

    assert done.returncode == 0, done.stderr.decode()
    held, uid, results = json.loads(done.stdout)
    assert set(held) - {"uid"} == {"memory", "core", "file size", "processes", "descriptors"}
    assert ("uid" in held) == (os.geteuid() == 0)
    assert uid != 0
    assert results == {
        "open": "OSError",
        "socket": "OSError",
        "duplicate": "OSError",
        "fork": "BlockingIOError",
        "write": "OSError",
        "grow": "MemoryError",
        "fit": "done",
        "regain": "ValueError",
        "become root": "PermissionError",
    }
    assert (tmp_path / "written").read_bytes() == b""


def test_confined_process_that_spins_is_ended_by_the_kernel(tmp_path: Path) -> None:
    assert confined(tmp_path, "spin").returncode == -signal.SIGXCPU
