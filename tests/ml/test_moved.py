"""A home that was backed up and restored elsewhere: its models answer from there, with the same scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import psycopg
from pydantic import SecretStr

from features import store
from ml.lib import dataset, registry, scorer
from ml.models.churn.spec import SPEC
from ml.models.churn.train import Trained
from nexus import postgres
from nexus.settings import Settings
from warehouse.backup import backup, restore


def test_models_answer_where_the_home_is_now(
    trained: Trained, filled: Settings, session_settings: Settings, tmp_path: Path
) -> None:
    server = postgres.dsn(session_settings, "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop database if exists moved with (force)")
        connection.execute("create database moved")
    there = Settings(home=tmp_path / "there", database_url=SecretStr(server.replace("/postgres?", "/moved?")))
    made = backup(filled, tmp_path / "b.tar.zst")
    restore(there, made.path)
    ours, theirs = (registry.answering(s, trained.model) for s in (there, filled))
    assert (ours.version, ours.role, ours.card) == (theirs.version, theirs.role, theirs.card)
    assert ours.bundle.is_relative_to(there.home)
    rows = dataset.floats(store.latest(there, SPEC.service, "demo").table, scorer.load(ours.bundle).features)
    np.testing.assert_array_equal(scorer.load(ours.bundle).scores(rows), scorer.load(theirs.bundle).scores(rows))
    with psycopg.connect(postgres.dsn(there, "mlflow")) as connection:
        stale = connection.execute(
            "select count(*) from runs where artifact_uri like %s", [f"%{filled.home.resolve()}/%"]
        ).fetchone()
    assert stale == (0,)
    shutil.rmtree(there.home)
