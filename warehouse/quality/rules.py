"""Business rules of the marts: each is one SQL file that selects the rows which break it.

Belongs here: finding the files `rules/<mart>.<rule>.sql`, running them, judging the counts.
Does not belong here: any rule. To add one, add a file: its first comment says what holds, the query selects the rows
for which it does not hold, with their keys and, where there are two sides, `observed` and `expected`.

`requires` in the second comment line names further marts that the query reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from nexus.errors import InputError
from warehouse.quality.result import GateResult, Reads

FOLDER = Path(__file__).parent / "rules"
_SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule named `name` on the relation `mart`; `sql` selects the rows that break it."""

    mart: str
    name: str
    description: str
    sql: str

    @property
    def reads(self) -> frozenset[str]:
        """Relations of marts that the query names, `mart` included."""
        return frozenset(re.findall(r"\bmarts\.(\w+)", self.sql)) | {self.mart}


@lru_cache(maxsize=1)
def discover() -> tuple[Rule, ...]:
    """Every rule, by mart and name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.sql")))


def check_rules(reads: Reads, chosen: Iterable[Rule] | None = None) -> list[GateResult]:
    """The gates of the given rules, in the order of `discover` (None: of all)."""
    from warehouse.quality.expectations import judge_rules

    results = []
    for mart, group in groupby(discover() if chosen is None else chosen, key=lambda r: r.mart):
        rules = list(group)
        found = {rule.name: _run(rule, reads) for rule in rules}
        counts = {name: violations for name, (violations, _, _) in found.items()}
        refused = judge_rules(mart, counts, {r.name: r.description for r in rules})
        for rule in rules:
            violations, sample, seconds = found[rule.name]
            results.append(
                GateResult(
                    gate=rule.name,
                    relation=rule.mart,
                    passed=rule.name not in refused,
                    observed=f"{violations:,} rows break it",
                    expected="none",
                    description=rule.description,
                    violations=violations,
                    failing=sample,
                    seconds=round(seconds, 3),
                    look=rule.sql,
                )
            )
    return results


def _run(rule: Rule, reads: Reads) -> tuple[int, list[dict[str, object]], float]:
    began = time.perf_counter()
    rows = reads.rows(
        f"with broken as (\n{rule.sql}\n) select *, count(*) over () as violations_in_all from broken limit {_SAMPLE}"
    )
    violations = int(rows[0]["violations_in_all"]) if rows else 0
    sample = [{k: v for k, v in row.items() if k != "violations_in_all"} for row in rows]
    return violations, sample, time.perf_counter() - began


def _read(path: Path) -> Rule:
    mart, _, name = path.stem.partition(".")
    text = path.read_text().strip()
    first, _, sql = text.partition("\n")
    if not name or not first.startswith("-- "):
        raise InputError(
            f"{path.name} is no rule",
            remedy="name it <mart>.<rule>.sql and open it with a comment that says what holds",
        )
    return Rule(mart=mart, name=name, description=first.removeprefix("-- ").strip(), sql=sql.strip().rstrip(";"))
