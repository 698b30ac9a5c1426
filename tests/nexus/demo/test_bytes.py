"""The same options give the same bytes, in any process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from nexus.demo import Options, generate

_PROGRAM = """
import sys
from pathlib import Path
from nexus.demo import Options, generate
generate(Options(customers=12, months=3), Path(sys.argv[1]))
"""


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for number in ("1", "2"):
        folder = tmp_path / f"company-{number}"
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(folder)],
            check=True,
            timeout=60,
            env={**os.environ, "PYTHONHASHSEED": number, "TZ": f"UTC+{number}"},
            cwd=Path(__file__).parents[3],
        )
        made.append(_digest(folder))
    assert made[0] == made[1]
    assert len(made[0]) > 20


def test_another_seed_gives_another_company(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate(Options(customers=3, months=2, seed=seed), tmp_path / str(seed))
    one, two = (_digest(tmp_path / s) for s in ("1", "2"))
    assert one["export/stripe/customers.jsonl.gz"] != two["export/stripe/customers.jsonl.gz"]
