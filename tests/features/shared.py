"""Homes that the tests of features, ml and api share, each made once: filled with features, then with a model."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from pydantic import SecretStr

from nexus import postgres
from nexus.settings import Settings
from tests.features import synthetic

CUSTOMERS = 900


def home(session: Settings) -> Settings:
    """A home of its own that uses the run's PostgreSQL: other tests publish versions into theirs."""
    folder = session.home / "models-home"
    folder.mkdir(exist_ok=True)
    return Settings(home=folder, database_url=SecretStr(postgres.dsn(session, "models")))


@lru_cache(maxsize=1)
def _filled(session: str) -> Settings:
    settings = home(Settings(home=session))
    frames = [
        synthetic.frame("demo", CUSTOMERS, seed=1),
        synthetic.frame("young", 40, seed=2, months=synthetic.MONTHS[-5:]),
    ]
    synthetic.publish(settings.warehouse_dir, "v000001", frames)
    from features import store

    store.materialize(settings)
    return settings


def filled(session: Settings) -> Settings:
    return _filled(str(session.home))


@lru_cache(maxsize=1)
def _trained(session: str) -> object:
    from ml.models.churn.spec import SPEC
    from ml.models.churn.train import train

    return train(_filled(session), "demo", spec=replace(SPEC, bootstrap=200))


def trained(session: Settings) -> object:
    """What training on the `demo` workspace of the filled home said."""
    return _trained(str(session.home))
