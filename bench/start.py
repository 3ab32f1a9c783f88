"""How long a start takes: `python -m bench.start`, from the command to the first answered query.

Each round starts on an empty data folder, which also makes the private database and its tables, and then once more
on the same folder. Read it on a quiet machine; the load at the end says whether it was one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROUNDS = 3
QUERY = json.dumps({"query": "{ viewer { handle } models { key available } }"}).encode()


def main() -> None:
    """Print the table."""
    first, again = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            first.append(seconds(Path(folder)))
            again.append(seconds(Path(folder)))
    print("| start | median s | slowest s |\n| --- | --- | --- |")
    for name, found in (("on an empty folder", first), ("again", again)):
        print(f"| {name} | {statistics.median(found):.2f} | {max(found):.2f} |")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def seconds(folder: Path) -> float:
    """One start, ended once it has answered."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", "--data-dir", str(folder)],
        env={**environment, "LOG_FORMAT": "json"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = next(line.split()[-1] for line in server.stderr if line.startswith("Likeness serves "))
        sent = urllib.request.Request(address, QUERY, {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent) as answer:
            assert json.load(answer)["data"]["viewer"] == {"handle": "owner"}
        return time.monotonic() - began
    finally:
        server.terminate()
        server.communicate()


if __name__ == "__main__":
    main()
