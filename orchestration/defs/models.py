"""From published features to models, their scores, and whether the world has moved away from it.

Belongs here: assets whose bodies call features and ml once for each workspace. Does not belong here: learning, scoring.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from ml.lib.spec import TooLittleHistoryError, models, module, spec
from nexus.errors import NotFoundError
from nexus.settings import Settings, url_at
from orchestration.instance import POOL
from orchestration.lib import candidate
from orchestration.lib.failures import translated
from orchestration.lib.progress import tell

OWNERS = ["team:data-science"]
PUBLISHED = "published_warehouse"
DRIFT_CHECK = "features_have_not_drifted"


def learning() -> tuple[str, ...]:
    """Assets that a run leaves out which shall not learn: training and drift of every model."""
    return tuple(name for model in models() for name in (f"{model}_model", f"{model}_drift"))


def trained() -> tuple[str, ...]:
    return tuple(f"{model}_model" for model in models())


def drifting() -> tuple[str, ...]:
    return tuple(f"{model}_drift" for model in models())


def produced_by() -> dict[str, list[str]]:
    """Which assets make the records of a raw table that no export brings."""
    return {"raw_nexus__churn_score": [f"{model}_scores" for model in models()]}


def assets(settings: Settings) -> list[AssetsDefinition]:
    """Online features; model, scores and drift of every model that is found."""

    @asset(deps=[PUBLISHED], group_name="features", owners=OWNERS, kinds={"feast", "sqlite"})
    def online_features(context: AssetExecutionContext) -> MaterializeResult[None]:
        """The newest features of every customer, to be asked for by id. Made of one published version."""
        tell("materialising")
        with translated(context.retry_number):
            from features.store import materialize

            counts = materialize(settings)
        return MaterializeResult(
            metadata={"warehouse version": counts.version, **counts.customers, "rows": counts.rows}
        )

    return [online_features, *(made for model in models() for made in _assets(model, settings))]


def _assets(model: str, settings: Settings) -> list[AssetsDefinition]:
    """Training, scoring and drift of one model."""
    title = spec(model).title

    @asset(
        name=f"{model}_model", deps=[PUBLISHED], group_name="models", owners=OWNERS, kinds={"lightgbm", "mlflow"},
        description=f"{title} Trained anew when the data or the recipe has changed.",
    )  # fmt: skip
    def learn(context: AssetExecutionContext) -> MaterializeResult[None]:
        with translated(context.retry_number):
            made = _each(settings, "training", lambda workspace: module(model, "train").train(settings, workspace))
        return MaterializeResult(metadata={w: _told(t, lambda t: _trained(t, settings)) for w, t in made.items()})

    @asset(
        name=f"{model}_scores", deps=["online_features", f"{model}_model"], group_name="models", owners=OWNERS,
        kinds={"python"}, pool=POOL, required_resource_keys={candidate.KEY},
        description=f"{title} Score and reasons of every customer, landed in the lake as the records of any source are.",
    )  # fmt: skip
    def scores(context: AssetExecutionContext) -> MaterializeResult[None]:
        with translated(context.retry_number):
            made = _each(settings, "scoring", lambda workspace: score_and_land(settings, workspace, model))
        return MaterializeResult(metadata={w: _told(s, lambda s: f"{s.rows:,} customers") for w, s in made.items()})

    @asset(
        name=f"{model}_drift", deps=[f"{model}_scores"], group_name="models", owners=OWNERS, kinds={"evidently"},
        description=f"{title} How far today's features have moved from those that the model has learnt from.",
        check_specs=[AssetCheckSpec(DRIFT_CHECK, asset=f"{model}_drift", description="At most half of the features drifted.")],
    )  # fmt: skip
    def drift(context: AssetExecutionContext) -> Iterator[Any]:
        with translated(context.retry_number):
            made = _each(settings, "comparing", lambda workspace: module(model, "drift").report(settings, workspace))
        yield MaterializeResult(
            metadata={w: _told(r, lambda r: MetadataValue.path(str(r.html))) for w, r in made.items()}
        )
        verdicts = {w: r.verdict for w, r in made.items() if not isinstance(r, str)}
        yield AssetCheckResult(
            check_name=DRIFT_CHECK,
            passed=all(v.passed for v in verdicts.values()),
            severity=AssetCheckSeverity.WARN,
            description="; ".join(f"{w}: {v.message}" for w, v in verdicts.items()) or "no model to compare with yet",
        )

    return [learn, scores, drift]


def score_and_land(settings: Settings, workspace: str, model: str) -> Any:
    """Scores the workspace's customers and lands the file; scoring the same twice lands nothing twice."""
    from orchestration.sources import get
    from warehouse.land import land

    scored = module(model, "predict").score(settings, workspace)
    if scored.rows:
        land(get("nexus"), [Path(scored.path)], workspace, settings)
    return scored


def _each(settings: Settings, doing: str, call: Callable[[str], Any]) -> dict[str, Any]:
    """`call` for every published workspace; one that has no model, or too little history for one, says so."""
    from warehouse import marts

    found = marts.query("select workspace_id from nexus.marts.dim_workspace order by 1", settings=settings)
    outcome: dict[str, Any] = {}
    for number, workspace in enumerate(found["workspace_id"].to_list()):
        tell(f"{doing} for {workspace}", number, len(found))
        try:
            outcome[workspace] = call(workspace)
        except (TooLittleHistoryError, NotFoundError) as error:
            outcome[workspace] = error.message
    return outcome


def _told(outcome: Any, describe: Callable[[Any], Any]) -> Any:
    return outcome if isinstance(outcome, str) else describe(outcome)


def _trained(trained: Any, settings: Settings) -> MetadataValue:
    versions = ", ".join(f"{kind} v{number}" for kind, number in trained.versions.items())
    url = f"{url_at(settings.inner_host, settings.mlflow_port)}/#/models/{trained.model}"
    done = "" if trained.fresh else " (nothing new to learn)"
    return MetadataValue.md(
        f"{trained.role} answers; [{versions}]({url}) of warehouse {trained.warehouse_version}{done}"
    )
