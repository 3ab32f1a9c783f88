"""A real server process for tests: `python -m app serve`, its own folder, a free port, ended with the test."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

READY_SECONDS = 180.0  # a machine that does much else
END_SECONDS = 180.0
SERVING = re.compile(r"Likeness serves (http://\S+)/graphql")


class RunningServer:
    """Start it, end it, kill it; `url` changes with every start."""

    def __init__(self, folder: pathlib.Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "DATA_DIR": str(folder),
            "LOG_FORMAT": "json",
            "THREADS": "1",
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(pathlib.Path.cwd()), os.environ.get("PYTHONPATH")))
            ),
            **environment,
        }
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.log: list[str] = []

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it says where it serves."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            env=self._environment,
            cwd=self._folder,  # no `.env` of a developer's is read
            stderr=subprocess.PIPE,
            text=True,
        )
        said: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, said), daemon=True).start()
        address = said.get(timeout=READY_SECONDS)
        if address is None:
            raise AssertionError("The server did not start:\n" + "".join(self.log[-30:]))
        self.url = address

    def end(self) -> int:
        """SIGTERM; its exit status."""
        return self.signal(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL."""
        return self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> int:
        """Send it and wait for the end; the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(END_SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._process = None
        return status

    def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None:
            self.kill()

    def _listen(self, process: subprocess.Popen[str], said: "queue.Queue[str | None]") -> None:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                self.log.append(line)
                found = SERVING.search(line)
                if found:
                    said.put(found.group(1))
        except ValueError:  # closed by signal()
            pass
        said.put(None)
