"""`make bench`: every bench that needs nothing but this machine, one after the other."""

import subprocess
import sys

SCRIPTS = ("bench.start", "bench.event_loop", "bench.engine")


def main() -> int:
    """Run each in a process of its own; the number that failed."""
    failed = 0
    for script in SCRIPTS:
        print(f"\n## {script}\n", flush=True)
        failed += subprocess.run([sys.executable, "-m", script], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
