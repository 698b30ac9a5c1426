"""Feast over an exported version: its configuration, its registry, its online store.

Belongs here: everything that calls Feast. Does not belong here: reading values fast (online.py).
Feast is imported inside the functions, because importing it takes seconds.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml

from features import catalog
from features.store import carrying, online
from features.store.exporting import export
from features.store.folders import Folder, answering, switch, writing
from nexus.errors import InputError
from nexus.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore

PROJECT = "nexus"


@dataclass(frozen=True, slots=True)
class Counts:
    """What materialising did: customers that can be asked for, by workspace; rows by view; whether it was there."""

    version: str
    customers: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    already: bool = False


def apply(settings: Settings, version: str | int | None = None) -> Folder:
    """Exports the version if needed and registers the definitions over it. Column types are read from the export."""
    made = export(settings, version)
    with writing(settings):
        _apply(made)
    return made


def materialize(settings: Settings, version: str | int | None = None) -> Counts:
    """Fills the online store with each customer's newest row of a published version, then lets it answer.

    What the store that answers has of it is taken over. Readers see the old store until the new one is whole. Repeating it for a version that is there changes nothing.
    """
    made = export(settings, version)
    with writing(settings):
        already = online.ready(made)
        if not already:
            _fill(settings, made)
        switch(settings, made)
    manifest = made.manifest()
    return Counts(
        version=manifest.version,
        customers=online.Online(settings).count(),
        rows={v.name: int(str(manifest.relations[v.relation]["rows"])) for v in catalog.VIEWS},
        already=already,
    )


def _fill(settings: Settings, made: Folder) -> None:
    made.online.unlink(missing_ok=True)
    base = answering(settings)
    rows = carrying.differing(made, base) if base else None
    if base is not None and rows is not None:
        carrying.copy(base, made)
        _configure(made)
        store = open_store(made)
        for view in catalog.VIEWS:
            carrying.write(store, view.name, rows[view.name])
    else:
        store = _apply(made)
        first, last = _span(made)
        relations = made.manifest().relations
        # Feast cannot compare the moments of a table that has none
        views = [f"customer_{v.name}" for v in catalog.VIEWS if relations[v.relation]["rows"]]
        with contextlib.redirect_stdout(io.StringIO()):
            if views:
                store.materialize(start_date=first, end_date=last, feature_views=views)
    online.project(made, store)


def open_store(made: Folder) -> FeatureStore:
    """Feast's own store object over a folder."""
    os.environ["FEAST_USAGE"] = "False"
    with _uninstrumented():
        from feast import FeatureStore

    return FeatureStore(repo_path=str(made.path))


@contextlib.contextmanager
def _uninstrumented() -> Iterator[None]:
    """While Feast is imported, typeguard would parse and rewrite its classes, which takes nearly half of that time.

    `python -O` leaves this out too, but takes every assertion along.
    """
    import typeguard

    def as_written(target: Any = None, **_: Any) -> Any:
        return as_written if target is None else target

    checked = typeguard.typechecked
    typeguard.typechecked = as_written  # type: ignore[assignment]
    try:
        yield
    finally:
        typeguard.typechecked = checked


def _configure(made: Folder) -> None:
    made.config.write_text(
        yaml.safe_dump(
            {
                "project": PROJECT,
                "provider": "local",
                "registry": made.registry.name,
                "offline_store": {"type": "file"},
                "online_store": {"type": "sqlite", "path": made.online.name},
                "entity_key_serialization_version": 3,
            },
            sort_keys=False,
        )
    )


def _apply(made: Folder) -> FeatureStore:
    _configure(made)
    store = open_store(made)
    from features import views

    _refuse_collisions(made)
    store.apply(views.definitions())
    return store


def _refuse_collisions(made: Folder) -> None:
    """A feature's name must be its own within a service: values are given back under the bare name."""
    relations = made.manifest().relations
    for service in catalog.SERVICES:
        owner: dict[str, str] = {}
        for name in service.views:
            for column in features_of(list(relations[catalog.view(name).relation]["columns"])):  # type: ignore[call-overload]
                if column in owner:
                    raise InputError(
                        f"feature {column!r} of {service.name} stands in two views: {owner[column]!r} and {name!r}",
                        remedy="rename one of them in transforms/dbt/models/features",
                    )
                owner[column] = name


def features_of(columns: list[str]) -> list[str]:
    """The columns that are features: not keys, not moments."""
    return [c for c in columns if c not in {*catalog.KEYS, catalog.EVENT, catalog.CREATED}]


def _span(made: Folder) -> tuple[datetime, datetime]:
    """Beginning before the first and ending after the last snapshot of any workspace."""
    moments = [datetime.fromisoformat(m) for m in made.manifest().as_of.values()] or [datetime(2000, 1, 1)]
    # a customer who left keeps the last row there was of him, as long as any view may still speak for it
    return datetime(2000, 1, 1, tzinfo=UTC), max(moments).replace(tzinfo=UTC) + timedelta(seconds=1)
