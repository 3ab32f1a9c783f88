"""Take away from this process what decoding a picture does not need.

After `confine()` the process can open no file and no socket (no new descriptor at all), write no file, start no
process, dump no core, grow no further than its memory ceiling, and, started as root, is nobody in particular.
What it already holds (two pipes) goes on working. Knows nothing of pictures. Each limit is applied where the
platform has it; what was applied is reported, so that `doctor` can tell.
"""

import os
import sys

_NOBODY_ELSE = 65_533  # a uid of its own: the embedded database runs as 65534, and neighbours could signal it


def confine(*, memory_bytes: int) -> list[str]:
    """Apply every limit that this platform knows; the names of those that hold from now on.

    `memory_bytes` is the ceiling of the address space, libraries included. Irreversible.
    """
    if sys.platform == "win32":
        return []
    import resource

    held = ["uid"] if _leave_root() else []
    ceilings = {
        "memory": (resource.RLIMIT_AS, memory_bytes),
        "core": (resource.RLIMIT_CORE, 0),
        "file size": (resource.RLIMIT_FSIZE, 0),
        "processes": (resource.RLIMIT_NPROC, 0),
        "descriptors": (resource.RLIMIT_NOFILE, 0),
    }
    for name, (limit, ceiling) in ceilings.items():
        try:
            resource.setrlimit(limit, (ceiling, ceiling))
        except (ValueError, OSError):  # macOS knows RLIMIT_AS by name only; the wall clock still holds there
            continue
        held.append(name)
    return held


def allow_cpu(seconds: int) -> bool:
    """Let this process use `seconds` more of CPU time; beyond that the kernel ends it. False where unknown."""
    if sys.platform == "win32":
        return False
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))
    return True


def _leave_root() -> bool:
    if sys.platform == "win32" or os.geteuid() != 0:
        return False
    try:
        os.setgroups([])
        os.setgid(_NOBODY_ELSE)
        os.setuid(_NOBODY_ELSE)
    except PermissionError:  # a container's root without CAP_SETUID: as good as nobody already
        return False
    return True
