"""A home with a trained model, once for the whole run (MLflow and LightGBM take long to import)."""

from __future__ import annotations

import pytest

from ml.lib.dataset import Dataset, read
from ml.models.churn.spec import SPEC
from ml.models.churn.train import Trained
from nexus.settings import Settings
from tests.features import shared


@pytest.fixture(scope="session")
def filled(session_settings: Settings) -> Settings:
    return shared.filled(session_settings)


@pytest.fixture(scope="session")
def trained(session_settings: Settings) -> Trained:
    made = shared.trained(session_settings)
    assert isinstance(made, Trained)
    return made


@pytest.fixture(scope="session")
def data(filled: Settings) -> Dataset:
    """The labelled rows of workspace `demo`."""
    from features import store

    return read(store.training_set(filled, SPEC.service, SPEC.label_relation, "demo"), SPEC)
