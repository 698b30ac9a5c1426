"""Drift of the @@name model's features; the comparison is the same for every model (ml/lib/drift)."""

from ml.lib.drift import DriftReport, report

__all__ = ["DriftReport", "report"]
