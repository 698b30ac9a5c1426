"""The gate on volume: a build may not lose more than a fifth of a relation that readers see today.

Belongs here: comparing row counts of a candidate with those of the version that is being read.
Does not belong here: opening either (versions, engines).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from warehouse.quality.result import GateResult

GATE = "volume"
KEEPS = 0.8
#: Below this a loss of a fifth is a handful of rows and says nothing.
_TOO_FEW = 20


def check_volume(candidate: Mapping[str, int], published: Mapping[str, int]) -> list[GateResult]:
    """One result for each relation of the candidate; a relation without a past passes."""
    began = time.perf_counter()
    results = []
    for relation in sorted(candidate.keys() | published.keys()):
        now, before = candidate.get(relation, 0), published.get(relation, 0)
        least = int(before * KEEPS) if before >= _TOO_FEW else 0
        results.append(
            GateResult(
                gate=GATE,
                relation=relation,
                passed=now >= least,
                observed=f"{now:,} rows, {before:,} in the version being read",
                expected=f"at least {least:,} rows",
                description="A build keeps at least 80 % of the rows that readers see today.",
                violations=max(0, least - now),
                seconds=round(time.perf_counter() - began, 3),
            )
        )
    return results
