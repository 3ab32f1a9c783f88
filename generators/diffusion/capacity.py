"""How many rows a forward should have: learned from the forwards themselves and kept on disk. No torch.

A forward of more rows is worth it while the time per row falls. Row counts are put into buckets of doubling
size; from the smallest bucket up, each is tried when there is demand, measured, and kept while it is at least
5 % cheaper per row than the one before. Beyond that knee a larger forward only makes everybody slower
(processor sharing), so the cap stays there. A model that another device, dtype or size makes slower is another key.
"""

import json
import threading
from collections.abc import Hashable
from pathlib import Path

SAMPLES = 4  # per bucket before it is judged; the first, which pays for warming up, is not counted
GAIN = 0.95
LEAST = 4  # rows: two guided requests always go together, so that both are seen to move


class Curves:
    """Rows -> seconds per row, for every kind of forward. Thread-safe."""

    def __init__(self, most: int, file: Path | None = None) -> None:
        """`most` rows ever; `file` keeps what was learned."""
        self._most = most
        self._file = file
        self._lock = threading.Lock()
        self._seen: dict[str, dict[int, tuple[int, float]]] = _read(file)
        self._limits: dict[str, int] = {}

    def cap(self, key: Hashable) -> int:
        """The most rows that the next forward of that kind should have."""
        name = repr(key)
        with self._lock:
            limit = min(self._most, self._limits.get(name, self._most))
            return max(1, min(limit, max(LEAST, self._knee(self._seen.get(name, {})))))

    def learning(self, key: Hashable, rows: int) -> bool:
        """Whether a measurement of that many rows is still wanted."""
        with self._lock:
            return self._seen.get(repr(key), {}).get(_bucket(rows), (0, 0.0))[0] < SAMPLES

    def measured(self, key: Hashable, rows: int, seconds: float) -> None:
        """One forward took so long; enough of them judge their bucket."""
        name, bucket = repr(key), _bucket(rows)
        with self._lock:
            buckets = self._seen.setdefault(name, {})
            count, best = buckets.get(bucket, (0, 0.0))
            if count:
                best = min(best or seconds / rows, seconds / rows)
            buckets[bucket] = (count + 1, best)
            judged = count + 1 == SAMPLES
        if judged:
            self.keep()

    def limit(self, key: Hashable, rows: int) -> None:
        """More rows than that did not fit into the memory; until the engine starts anew."""
        with self._lock:
            self._limits[repr(key)] = max(1, rows)

    def keep(self) -> None:
        """Write what was learned; a disk that refuses costs only the memory of it."""
        if self._file is None:
            return
        with self._lock:
            text = json.dumps(self._seen, sort_keys=True)
        scratch = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(text)
            scratch.replace(self._file)
        except OSError:
            return

    def _knee(self, buckets: dict[int, tuple[int, float]]) -> int:
        """The largest bucket that pays, or the next one while it is not judged."""
        rows, cheapest = 1, None
        bucket = 1
        while bucket <= self._most:
            count, best = buckets.get(bucket, (0, 0.0))
            if count >= SAMPLES:
                if cheapest is not None and best > GAIN * cheapest:
                    return rows
                rows, cheapest = bucket, best
            elif cheapest is not None:
                return bucket  # unknown territory next to known: try it
            bucket *= 2
        return rows if cheapest is not None else LEAST


def _bucket(rows: int) -> int:
    """1, 2, 4, 8, ... at least as many."""
    bucket = 1
    while bucket < rows:
        bucket *= 2
    return bucket


def _read(file: Path | None) -> dict[str, dict[int, tuple[int, float]]]:
    if file is None or not file.is_file():
        return {}
    try:
        told = json.loads(file.read_text())
        return {
            str(name): {int(rows): (int(pair[0]), float(pair[1])) for rows, pair in buckets.items()}
            for name, buckets in told.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, IndexError):
        return {}  # learned anew
