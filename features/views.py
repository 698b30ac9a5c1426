"""The Feast repository: entities, feature views and feature services made from the catalogue.

Belongs here: Feast objects. They are applied by `features.store.apply`, after which Feast's own command line can look
at them: `feast -c <home>/features/<store> feature-views list`.
Does not belong here: columns (Feast reads them from the exported Parquet when it applies), paths of a machine
(sources are relative to the store's folder), machinery (store/). Imports Feast, so import it late.
"""

from __future__ import annotations

from typing import Any

from feast import Entity, FeatureService, FeatureView, FileSource, ValueType

from features.catalog import CREATED, EVENT, KEYS, SERVICES, VIEWS, View


def definitions() -> list[Any]:
    """Everything that belongs into the registry: fresh objects, because applying writes inferred columns into them."""
    entities = [Entity(name=key.removesuffix("_id"), join_keys=[key], value_type=ValueType.STRING) for key in KEYS]
    views = {view.name: _view(view, entities) for view in VIEWS}
    services = [
        FeatureService(name=s.name, features=[views[name] for name in s.views], description=s.description)
        for s in SERVICES
    ]
    return [*entities, *views.values(), *services]


def _view(view: View, entities: list[Entity]) -> FeatureView:
    source = FileSource(
        name=view.relation,
        path=f"offline/{view.relation}.parquet",
        timestamp_field=EVENT,
        created_timestamp_column=CREATED,
        description=view.description,
    )
    return FeatureView(
        name=f"customer_{view.name}",
        entities=entities,
        ttl=view.ttl,
        source=source,
        description=view.description,
        tags={"relation": view.relation},
    )
