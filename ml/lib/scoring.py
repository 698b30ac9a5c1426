"""Asking: scores with reasons for many customers at once (batch) or for a few by id (online).

Belongs here: what a prediction consists of, and the file that batch scoring writes.
Does not belong here: landing that file (its source belongs to orchestration), HTTP (api).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features import store
from ml.lib import dataset, reasons, registry, scorer
from ml.lib.reasons import Reason
from ml.lib.scorer import Scorer
from ml.lib.spec import ModelSpec
from nexus.errors import InputError
from nexus.settings import Settings


@dataclass(frozen=True, slots=True)
class Scored:
    """A file of batch scores. `already` is True if the same model had scored the same features before."""

    path: Path
    rows: int
    workspace: str
    model: str
    model_version: str
    role: str
    as_of_date: str
    warehouse_version: str
    already: bool


def explain(model: Scorer, rows: NDArray[np.float64], spec: ModelSpec, count: int = 3) -> list[list[Reason]]:
    """The strongest reasons for each row's score."""
    if not count:
        return [[] for _ in rows]
    return [
        reasons.top(model.features, row, parts, model.typical, spec.labels, count)
        for row, parts in zip(rows, model.contributions(rows), strict=True)
    ]


def score(settings: Settings, workspace: str, spec: ModelSpec, version: str | int | None = None) -> Scored:
    """Scores every customer of the workspace's last snapshot into one JSONL file, which is to be landed.

    The same model over the same features gives the same file, so that scoring twice lands nothing twice.
    """
    answering = registry.answering(settings, spec.registered(workspace))
    model = scorer.load(answering.bundle)
    latest = store.latest(settings, spec.service, workspace, version)
    missing = [f for f in model.features if f not in latest.features]
    if missing:
        raise InputError(
            f"{answering.name} version {answering.version} reads features that {latest.version} lacks: {missing}",
            remedy=f"nexus train {spec.name} --workspace {workspace}",
        )
    rows = dataset.floats(latest.table, model.features)
    customers = latest.table["customer_id"].to_pylist()
    as_of = (latest.moment - timedelta(microseconds=1)).date().isoformat()
    seen = hashlib.sha256(rows.tobytes() + "\n".join(customers).encode()).hexdigest()[:12]
    folder = settings.home / "scores" / spec.name / workspace
    path = folder / f"{spec.name}-{answering.version}-{as_of}-{seen}.jsonl"
    done = Scored(
        path, len(customers), workspace, answering.name, answering.version, answering.role, as_of, latest.version, True
    )
    if path.exists():
        return done
    common = {
        "model_name": answering.name, "model_version": answering.version, "feature_service": spec.service,
        "scored_at": datetime.now(UTC).isoformat(timespec="seconds"), "as_of_date": as_of,
        "warehouse_version": latest.version,
    }  # fmt: skip
    scores = model.scores(rows)
    lines = [
        {
            "prediction_id": _id(answering.name, answering.version, as_of, seen, customer),
            "customer_id": customer,
            "score": round(float(value), 6),
            "decile": int(tenth),
            **{f"reason_{i + 1}": r.text for i, r in enumerate(why)},
            "contributions": {r.feature: r.contribution for r in why},
            **common,
        }
        for customer, value, tenth, why in zip(
            customers, scores, deciles(scores), explain(model, rows, spec), strict=True
        )
    ]
    folder.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    scratch.replace(path)
    return Scored(**{**{f: getattr(done, f) for f in Scored.__slots__}, "already": False})


def deciles(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """1 for the tenth with the highest scores, 10 for the lowest; ties in the order given."""
    values = np.asarray(scores)
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return rank * 10 // max(1, len(values)) + 1


def _id(*parts: str) -> str:
    return "prd_" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
