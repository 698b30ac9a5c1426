"""Model @@name: its values fit together, it learns, and its card is filled in."""

from __future__ import annotations

from dataclasses import replace

from features import catalog
from ml.lib.spec import models
from ml.lib.tracking import NoTracker
from ml.models.@@name.spec import SPEC
from ml.models.@@name.train import train
from nexus.settings import Settings


def test_it_is_found_and_reads_a_service_that_exists() -> None:
    assert SPEC.name == "@@name"
    assert SPEC.name in models()
    assert catalog.service(SPEC.service).name == SPEC.service


def test_it_learns_and_tells_what(filled: Settings) -> None:
    made = train(filled, "demo", spec=replace(SPEC, bootstrap=50), tracker=NoTracker())
    assert made.evaluation is not None
    assert made.evaluation.comparison.model["auc"].value > 0.6
    assert SPEC.title in made.card
    assert "$" not in made.card
