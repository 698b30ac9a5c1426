"""A process that reads the published version again and again until it is told to stop: `python -m tests.faults.reader`.

Belongs here: reading as apps do, through `warehouse.marts`. Does not belong here: judging what was read (shared.py).

Each read takes one cursor and the content of every mart through it, so that a version that changes under a reader, or
holds half a build, has more than one content. With `--as-of` it opens any version that is listed, old ones too.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import defaultdict

from nexus.errors import NotFoundError
from nexus.settings import get_settings
from warehouse.marts import Reader
from warehouse.versions import list_versions


def main() -> None:
    stop = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        stop.set()

    settings = get_settings()
    reader, listed = Reader(settings), "--as-of" in sys.argv
    contents: dict[int, set[str]] = defaultdict(set)
    failures: list[str] = []
    reads = 0
    drawn = random.Random(1)
    print("ready", flush=True)
    threading.Thread(target=listen, daemon=True).start()
    while not stop.is_set():
        version = drawn.choice(list_versions(settings, readable=True)).version if listed else None
        try:
            cursor = reader.cursor(version)
        except NotFoundError as error:
            # an old version may have been retired since it was listed; the current one is always there
            if version is None:
                failures.append(f"{type(error).__name__}: {error}")
            continue
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
            continue
        try:
            file = cursor.execute("select path from duckdb_databases() where database_name = 'nexus'").fetchall()[0][0]
            contents[int(file.rpartition("/v")[2].removesuffix(".duckdb"))].add(_content(cursor))
            reads += 1
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            cursor.close()
        time.sleep(0.05)
    print(
        json.dumps({"reads": reads, "failures": failures[:5], "contents": {v: sorted(c) for v, c in contents.items()}})
    )


def _content(cursor) -> str:  # type: ignore[no-untyped-def]
    relations = cursor.execute(
        "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    ).fetchall()
    parts = [
        f"select '{name}' as name, count(*) as n, sum(hash(whole_row)) as h from nexus.marts.{name} whole_row"
        for (name,) in relations
    ]
    return str(cursor.execute(" union all ".join(parts) + " order by 1").fetchall())


if __name__ == "__main__":
    main()
