"""Whether customers look different now from those that a model learned from.

Belongs here: `core.py` (two tables in, distances and a verdict out), `report.py` (which tables, where it is kept).
Does not belong here: deciding anything by it; drift says "look here" and promotes or retires nothing.
"""

from ml.lib.drift.core import ColumnDrift, Drift, Verdict, check, compare
from ml.lib.drift.report import DriftReport, report

__all__ = ["ColumnDrift", "Drift", "DriftReport", "Verdict", "check", "compare", "report"]
