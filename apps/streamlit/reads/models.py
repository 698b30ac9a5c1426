"""What Models asks: predictions of the published version, and the files that training and drift leave in the home.

`<home>/mlflow/<model>.<workspace>/…/evaluation.json` is the back-test of a training run;
`<home>/reports/drift/<model>/<workspace>/latest.json` the newest comparison of features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from apps.streamlit.components.page import View

#: A prediction speaks of this many days.
HORIZON_DAYS = 60


def runs(view: View) -> pl.DataFrame:
    """One row for each scoring by the churn model: model, version, as of, customers, mean score; newest first."""
    if not view.has("marts.fct_prediction"):
        return pl.DataFrame()
    return view.read(
        """
        select model_name, model_version, as_of_date, feature_service, any_value(warehouse_version) as warehouse_version,
               max(scored_at) as scored_at, count(*) as customers, cast(avg(score) as double) as mean_score
        from marts.fct_prediction where workspace_id = $workspace and split_part(model_name, '.', 1) = 'churn'
        group by 1, 2, 3, 4 order by scored_at desc
        """
    )


def scores(view: View, model: str, version: str, as_of: object) -> pl.DataFrame:
    """Scores of one scoring with what became of the customers (null while the horizon is open)."""
    return view.read(
        """
        select predictions.customer_id as customer, c.name as customer_name, cast(score as double) as score, decile,
               reason_1, reason_2, reason_3, c.mrr_minor, c.currency,
               case when exists (
                        select 1 from marts.fct_mrr_movement as moved
                        where moved.workspace_id = $workspace and moved.customer_id = predictions.customer_id
                            and moved.movement = 'churn' and moved.movement_date > predictions.as_of_date
                            and moved.movement_date <= predictions.as_of_date + $horizon::integer
                    ) then true
                    when predictions.as_of_date + $horizon::integer <= $as_of::date then false end as has_left
        from marts.fct_prediction as predictions
        left join marts.customer_360 as c
            on predictions.workspace_id = c.workspace_id and predictions.customer_id = c.customer_id
        where predictions.workspace_id = $workspace and model_name = $model and model_version = $model_version
            and as_of_date = $scored_day
        order by score desc, customer
        """,
        model=model,
        model_version=version,
        scored_day=as_of,
        horizon=HORIZON_DAYS,
    )


def evaluation(home: Path, workspace: str) -> tuple[dict[str, Any], Path] | None:
    """The newest back-test of this workspace's models."""
    found = [p for p in (home / "mlflow").glob("**/evaluation.json") if f".{workspace}" in str(p.relative_to(home))]
    return _newest(found)


def drift(home: Path, workspace: str) -> tuple[dict[str, Any], Path] | None:
    return _newest(list((home / "reports" / "drift").glob(f"*/{workspace}/latest.json")))


def _newest(paths: list[Path]) -> tuple[dict[str, Any], Path] | None:
    if not paths:
        return None
    path = max(paths, key=lambda p: p.stat().st_mtime_ns)
    content = json.loads(path.read_text())
    return (content, path) if isinstance(content, dict) else None
