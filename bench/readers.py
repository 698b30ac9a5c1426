"""Another process that reads what is published, without a pause: `python -m bench.readers <stop> <rows>`.

Belongs here: reading, and telling what was read, failed or seen first, as JSON. Does not belong here: publishing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

from nexus.errors import NexusError
from nexus.settings import get_settings
from warehouse.marts import Reader

QUERY = "select min(version), max(version), count(*) from marts.fct_number"


def read_until(stop: Path, rows: int) -> dict[str, object]:
    """Reads until `stop` exists. Every read must see one whole version of `rows` rows, never an older one again."""
    reader = Reader(get_settings())
    failed: list[str] = []
    saw: dict[int, float] = {}
    reads = last = 0
    print("ready", flush=True)
    while not stop.exists():
        reads += 1
        try:
            low, high, count = reader.query(QUERY).row(0)
        except (NexusError, duckdb.Error, OSError) as error:
            failed.append(str(error)[:300])
            continue
        saw.setdefault(high, time.time())
        if low != high or count != rows or high < last:
            failed.append(f"saw versions {low} to {high} with {count} of {rows} rows, after version {last}")
        last = high
    return {"reads": reads, "failed": failed, "saw": saw}


if __name__ == "__main__":
    print(json.dumps(read_until(Path(sys.argv[1]), int(sys.argv[2]))), flush=True)
