"""Drift of a model's features: the snapshots it learned from against the newest one.

Belongs here: which rows are compared, where report and result are kept.
Does not belong here: distances and verdict (core.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from features import catalog, store
from ml.lib import dataset, registry
from ml.lib.drift import core
from ml.lib.drift.core import Drift, Verdict
from ml.lib.spec import ModelSpec
from ml.lib.spec import spec as spec_of
from nexus.errors import NotFoundError
from nexus.settings import Settings


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The comparison, the check's answer, and where both are kept as HTML and JSON."""

    drift: Drift
    verdict: Verdict
    html: Path
    result: Path
    reference_version: str
    current_version: str

    @property
    def is_drifted(self) -> bool:
        """Whether too many features have drifted, among enough rows to tell."""
        return not self.verdict.passed

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the drifted features."""
        return tuple(c.column for c in self.drift.columns if c.drifted)

    def __str__(self) -> str:
        return self.verdict.message


def report(settings: Settings, workspace: str, version: str | int | None = None, model: str = "churn") -> DriftReport:
    """Compares and writes `<home>/reports/drift/<model>/<workspace>/{latest.html,latest.json}` and a copy by version.

    The reference is the training set of the version that answers. Raises NotFoundError if none has been trained.
    """
    import pandas as pd

    spec = spec_of(model)
    answering = registry.answering(settings, spec.registered(workspace))
    model_features = tuple(json.loads((answering.bundle / "bundle.json").read_text())["features"])
    latest = store.latest(settings, spec.service, workspace, version)
    names = tuple(f for f in model_features if f in latest.features)
    before = _learned_from(settings, answering.tags["dataset_sha256"], spec, workspace)
    known = [c for c in names if c in before.column_names]
    # the newest snapshot stands in the training set's file too, without a label: it is no reference for itself
    import pyarrow.compute as pc

    labelled = before.filter(pc.is_valid(before[spec.label]))
    reference = pd.DataFrame(dataset.floats(labelled, tuple(known)), columns=known)
    current = pd.DataFrame(dataset.floats(latest.table, tuple(known)), columns=known)
    folder = settings.home / "reports" / "drift" / spec.name / workspace
    html = folder / f"{latest.version}.html"
    found = core.compare(reference, current, html)
    verdict = core.check(found)
    result = folder / f"{latest.version}.json"
    result.write_text(
        json.dumps(
            {
                "model_name": answering.name, "model_version": answering.version, "workspace_id": workspace,
                "reference": answering.tags["warehouse_version"], "current": latest.version,
                "as_of": latest.moment.isoformat(), "passed": verdict.passed, "enough": verdict.enough,
                "message": verdict.message, **found.json(),
            },
            indent=1,
        ) + "\n"
    )  # fmt: skip
    for path in (html, result):
        scratch = path.with_name(f".latest{path.suffix}")
        scratch.write_bytes(path.read_bytes())
        scratch.replace(path.with_name(f"latest{path.suffix}"))
    return DriftReport(found, verdict, html, result, answering.tags["warehouse_version"], latest.version)


def _learned_from(settings: Settings, sha256: str, spec: ModelSpec, workspace: str):  # type: ignore[no-untyped-def]
    import pyarrow.parquet as pq

    pattern = f"{spec.service}-{workspace}-*-{sha256[:12]}.parquet"
    found = sorted((settings.home / "features" / "training").glob(pattern))
    if not found:
        raise NotFoundError(
            f"the training set {sha256[:12]} is gone from {settings.home}",
            remedy=f"nexus train {spec.name} --workspace {workspace}",
        )
    table = pq.read_table(found[0])
    assert catalog.EVENT in table.column_names
    return table
