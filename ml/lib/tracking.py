"""What was tried, with which data and which result: runs in MLflow, or nothing at all where tracking is off.

Belongs here: `Tracker` (MLflow) and `NoTracker`, both with the same few verbs; how MLflow is set up.
Does not belong here: the registry's rules (registry.py), what is logged (a model's train.py).
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nexus import postgres
from nexus.settings import PROJECT, Settings

if TYPE_CHECKING:
    from features.store import TrainingSet
    from ml.lib.scorer import Scorer

DATABASE = "mlflow"


@dataclass(frozen=True, slots=True)
class Logged:
    """A model as it was logged: where the registry finds it."""

    uri: str
    model_id: str
    run_id: str


class Run(Protocol):
    """One training run."""

    def params(self, values: Mapping[str, object]) -> None: ...
    def metrics(self, values: Mapping[str, float]) -> None: ...
    def tags(self, values: Mapping[str, str]) -> None: ...
    def dataset(self, data: TrainingSet) -> None: ...
    def file(self, path: Path) -> None: ...
    def model(self, name: str, scorer: Scorer, folder: Path) -> Logged | None: ...


class NoTracker:
    """Tracking is off: every verb does nothing."""

    @contextlib.contextmanager
    def run(self, experiment: str, name: str) -> Iterator[Run]:
        yield _NoRun()


class Tracker:
    """Runs in MLflow on the PostgreSQL of `settings`; files under `<home>/mlflow/<experiment>/`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextlib.contextmanager
    def run(self, experiment: str, name: str) -> Iterator[Run]:
        mlflow = connect(self._settings)
        with mlflow.start_run(experiment_id=self._experiment(experiment), run_name=name) as started:
            yield _Run(mlflow, started.info.run_id)

    def _experiment(self, name: str) -> str:
        client = client_of(self._settings)
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        folder = self._settings.home.resolve() / "mlflow" / name
        return str(client.create_experiment(name, artifact_location=folder.as_uri()))


def uri(settings: Settings) -> str:
    """Where MLflow keeps runs and the registry."""
    return postgres.sqlalchemy_url(settings, DATABASE)


def connect(settings: Settings) -> Any:
    """The `mlflow` module, pointed at the store of `settings`, silent about itself."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "1"
    # its progress bars would run through ours
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    import mlflow

    mlflow.set_tracking_uri(uri(settings))
    mlflow.set_registry_uri(uri(settings))
    return mlflow


def client_of(settings: Settings) -> Any:
    return connect(settings).MlflowClient(tracking_uri=uri(settings), registry_uri=uri(settings))


def commit() -> str:
    """The commit of the code, with `+changes` if the working copy differs from it; empty outside a clone."""
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head}+changes" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


class _NoRun:
    def params(self, values: Mapping[str, object]) -> None:
        return

    def metrics(self, values: Mapping[str, float]) -> None:
        return

    def tags(self, values: Mapping[str, str]) -> None:
        return

    def dataset(self, data: TrainingSet) -> None:
        return

    def file(self, path: Path) -> None:
        return

    def model(self, name: str, scorer: Scorer, folder: Path) -> Logged | None:
        return None


class _Run:
    def __init__(self, mlflow: Any, run_id: str) -> None:
        self._mlflow = mlflow
        self._run_id = run_id

    def params(self, values: Mapping[str, object]) -> None:
        self._mlflow.log_params(dict(values))

    def metrics(self, values: Mapping[str, float]) -> None:
        self._mlflow.log_metrics(dict(values))

    def tags(self, values: Mapping[str, str]) -> None:
        self._mlflow.set_tags(dict(values))

    def dataset(self, data: TrainingSet) -> None:
        """Names the frozen table by version and hash, and keeps it beside the run."""
        from mlflow.data import meta_dataset, sources

        source = sources.LocalArtifactDatasetSource(uri=data.path.resolve().as_uri())  # type: ignore[attr-defined]
        made = meta_dataset.MetaDataset(  # type: ignore[abstract]
            source=source, name=f"{data.service}@{data.version}", digest=data.sha256[:32]
        )
        self._mlflow.log_input(
            made, context="training", tags={"sha256": data.sha256, "warehouse_version": data.version}
        )
        self._mlflow.log_artifact(str(data.path), "dataset")

    def file(self, path: Path) -> None:
        self._mlflow.log_artifact(str(path))

    def model(self, name: str, scorer: Scorer, folder: Path) -> Logged:
        from ml.lib import pyfunc

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = pyfunc.log(self._mlflow, name, scorer, folder)
        return Logged(uri=info.model_uri, model_id=info.model_id, run_id=self._run_id)
