"""What holds for every asset alike: freshness, links, and who is asked. Mapped over all specs, typed nowhere.

Belongs here: rules from group and layer to policies. Does not belong here: any single asset.
"""

from collections.abc import Mapping
from datetime import timedelta

from dagster import AssetSpec, FreshnessPolicy, MetadataValue

from nexus.contracts import Source
from nexus.settings import Settings, url_at

#: Page of Streamlit that shows what a group holds.
PAGES = {
    "billing": "payments",
    "email": "email",
    "files": "files",
    "access": "access",
    "customers": "customer_360",
    "models": "models",
    "publication": "data_health",
}
#: How old tables that people read may become. Views are as fresh as what they read.
_READ = timedelta(hours=36)
_WARN = 2 / 3  # share of the window after which Dagster warns


def freshness(sources: Mapping[str, Source]) -> Mapping[str, timedelta]:
    """Windows of raw tables, from their contracts."""
    return {table.relation: table.freshness for source in sources.values() for table in source.tables}


def apply(spec: AssetSpec, windows: Mapping[str, timedelta], settings: Settings) -> AssetSpec:
    """The spec with its freshness policy and with links to where its content can be looked at."""
    name = spec.key.path[-1]
    layer = spec.tags.get("nexus/layer", "")
    window = windows.get(name) or (
        _READ if layer in {"marts", "features"} or spec.group_name == "publication" else None
    )
    links: dict[str, MetadataValue] = {}
    if page := PAGES.get(spec.group_name or ""):
        links["page"] = MetadataValue.url(f"{settings.dashboards_address}/{page}")
    if layer in {"staging", "intermediate", "marts", "features", "metrics"}:
        links["documentation"] = MetadataValue.path(
            f"{settings.home / 'docs' / 'warehouse.html'}#!/model/model.nexus.{name}"
        )
    if spec.group_name == "models":
        links["experiments"] = MetadataValue.url(url_at(settings.inner_host, settings.mlflow_port))
    changed = spec.merge_attributes(metadata=links)
    if window is None:
        return changed
    policy = FreshnessPolicy.time_window(fail_window=window, warn_window=window * _WARN)
    return changed.replace_attributes(freshness_policy=policy)
