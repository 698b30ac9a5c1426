"""Versions of a model and who among them answers: `champion` if one has beaten the baseline, else `baseline`.

Belongs here: registering, the two aliases and their rule, reading who answers.
Does not belong here: judging (evaluate.py), keeping a loaded model at hand (serving.py).

Who answers is read from MLflow's tables with one query, because a server that only asks for an alias should not pay
seconds and 200 MB for importing MLflow; `tests/ml` holds it equal to MLflow's own client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from ml.lib.tracking import DATABASE, Logged, client_of
from nexus import postgres
from nexus.errors import MachineError, NotFoundError
from nexus.settings import Settings

CHAMPION, BASELINE = "champion", "baseline"
_ANSWERS = """
    select a.alias, v.version, v.run_id, v.storage_location, v.description,
           (select coalesce(json_object_agg(t.key, t.value), '{}') from model_version_tags t
             where t.name = v.name and t.version = v.version) as tags
      from registered_model_aliases a join model_versions v on v.name = a.name and v.version = a.version
     where a.name = %s and a.alias in ('champion', 'baseline')
"""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version that answers under `role` (`champion` or `baseline`)."""

    name: str
    version: str
    role: str
    run_id: str
    location: Path
    card: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def bundle(self) -> Path:
        return self.location / "artifacts" / "bundle"


def register(settings: Settings, name: str, logged: Logged, tags: dict[str, str], description: str) -> str:
    """Makes a new version of `name`; returns its number."""
    from mlflow.exceptions import MlflowException

    client = client_of(settings)
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    made = client.create_model_version(
        name, source=logged.uri, run_id=logged.run_id, model_id=logged.model_id, tags=tags, description=description
    )
    return str(made.version)


def appoint(settings: Settings, name: str, baseline: str, challenger: str, beats: bool) -> str:
    """Sets the aliases after a comparison and returns the role that answers from now on.

    Whoever bears `champion` has beaten the baseline on the newest data; if nobody has, nobody bears it.
    """
    client = client_of(settings)
    client.set_registered_model_alias(name, BASELINE, baseline)
    if beats:
        client.set_registered_model_alias(name, CHAMPION, challenger)
        return CHAMPION
    if CHAMPION in client.get_registered_model(name).aliases:
        client.delete_registered_model_alias(name, CHAMPION)
    return BASELINE


def answering(settings: Settings, name: str) -> ModelVersion:
    """The version that answers for `name`; raises NotFoundError if there is none."""
    import psycopg
    from psycopg.errors import UndefinedTable

    try:
        with psycopg.connect(postgres.dsn(settings, DATABASE), connect_timeout=5) as connection:
            rows = connection.execute(_ANSWERS, [name]).fetchall()
    except UndefinedTable:
        rows = []
    except psycopg.OperationalError as error:
        raise MachineError(f"the model registry cannot be reached: {error}", remedy="nexus doctor") from error
    found = {row[0]: row for row in rows}
    chosen = found.get(CHAMPION) or found.get(BASELINE)
    if chosen is None:
        model, _, workspace = name.partition(".")
        raise NotFoundError(
            f"no {model} model has been trained for workspace {workspace!r}",
            remedy=f"nexus train {model} --workspace {workspace}",
        )
    role, version, run_id, location, card, tags = chosen
    path = Path(unquote(urlparse(location).path))
    return ModelVersion(name, str(version), role, run_id, path, card or "", dict(tags))
