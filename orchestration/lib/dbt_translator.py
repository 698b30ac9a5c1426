"""How dbt's resources become assets and checks: the translator that dagster-dbt asks.

Belongs here: overriding what dagster-dbt derives. Does not belong here: running dbt (dbt_assets.py), names (naming.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetKey
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from orchestration.lib import naming


class Translator(DagsterDbtTranslator):
    """Names come from naming.py, the rest from the dbt project; `engine` is the warehouse's."""

    def __init__(self, engine: str) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_source_metadata=False))
        self.engine = engine

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        return AssetKey([dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return naming.group(naming.parse(dbt_resource_props["name"]), _config(dbt_resource_props).get("group"))

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return naming.owners(_meta(dbt_resource_props).get("owner"))

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return naming.tags(naming.parse(dbt_resource_props["name"]), dbt_resource_props.get("tags") or [])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return " ".join((dbt_resource_props.get("description") or "").split())

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> Any:
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        if props["resource_type"] not in {"model", "source", "seed"}:
            return spec
        named = naming.parse(props["name"])
        made = _config(props).get("materialized")
        shape = "table" if made == "incremental" else made
        return spec.replace_attributes(kinds=naming.kinds(named, self.engine, shape))


def _config(props: Mapping[str, Any]) -> Mapping[str, Any]:
    return props.get("config") or {}


def _meta(props: Mapping[str, Any]) -> Mapping[str, Any]:
    return _config(props).get("meta") or props.get("meta") or {}
