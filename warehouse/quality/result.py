"""What a gate found: the one form in which contract gates and business rules answer.

Belongs here: `GateResult` and `Reads`, the little that gates need from an engine.
Does not belong here: how a gate is judged (expectations.py) or kept (record.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


class Reads(Protocol):
    """An open candidate of either engine: one query in, rows as dictionaries out."""

    def rows(self, sql: str) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate on one relation.

    `failing` shows a few of the rows or promises that failed; `look` is the query that shows all of them.
    """

    gate: str
    relation: str
    passed: bool
    observed: str
    expected: str
    description: str = ""
    violations: int = 0
    failing: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    seconds: float = 0.0
    look: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON columns and files; values that JSON does not know become text."""
        content = asdict(self)
        content["failing"] = [{k: _plain(v) for k, v in row.items()} for row in self.failing]
        return content

    def sentence(self) -> str:
        """What a person must know: which gate, what was seen, what was promised."""
        return f"{self.relation}: {self.gate.replace('_', ' ')}: {self.observed}, expected {self.expected}"


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
