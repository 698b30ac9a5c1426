"""Models: can I trust the predictions?"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from apps.streamlit.components import charts, data, formats, kpi, states, tabs, theme
from apps.streamlit.components.page import Page, View
from apps.streamlit.components.tables import Column, table
from apps.streamlit.reads import models

PAGE = Page("Models", "Can I trust the predictions?", ":material/model_training:", 70, filters=())


def render(view: View) -> None:
    home = data.settings().home
    runs = models.runs(view)
    tested, drift = models.evaluation(home, view.workspace), models.drift(home, view.workspace)
    if runs.is_empty() and tested is None:
        states.empty(
            "No model has answered in this workspace yet",
            "Training needs months of history with customers that left; scoring follows it and lands in the next version.",
            command=f"nexus train churn --workspace {view.workspace}\nnexus build",
            icon=":material/model_training:",
        )
        return
    run = runs.row(0, named=True) if not runs.is_empty() else None
    rows = models.scores(view, run["model_name"], run["model_version"], run["as_of_date"]) if run else pl.DataFrame()
    kpi.row(
        view, [_champion(run, tested), _quality(tested), _calibration(tested), _drift(drift), _freshness(view, run)]
    )
    if run:
        with states.guarded():
            _scores(view, run, rows)
    left, right = st.columns(2, gap="large")
    with left, states.guarded():
        _backtest(tested)
    with right, states.guarded():
        _features(drift)
    with states.guarded():
        _tables(view, runs, rows)


def _value(tested: tuple[dict[str, Any], Any] | None, who: str, measure: str) -> dict[str, float] | None:
    if tested is None:
        return None
    found: dict[str, float] | None = (tested[0].get("comparison") or {}).get(who, {}).get(measure)
    return found


def _champion(run: dict[str, Any] | None, tested: tuple[dict[str, Any], Any] | None) -> kpi.Plain:
    beats = bool(tested and tested[0].get("beats_baseline"))
    role = (
        formats.DASH
        if tested is None
        else "beats the baseline"
        if beats
        else "did not beat the baseline, which answers"
    )
    return kpi.Plain(
        "Who answers",
        f"{run['model_name'].split('.')[0].capitalize()} v{run['model_version']}" if run else formats.DASH,
        "The registered version that scored last. A challenger becomes champion only when it beats the baseline on "
        "time-split back-tests with an interval that excludes zero.",
        note=role,
    )


def _quality(tested: tuple[dict[str, Any], Any] | None) -> kpi.Plain:
    model, base = _value(tested, "model", "auc"), _value(tested, "baseline", "auc")
    note = (
        f"{model['low']:.2f} to {model['high']:.2f}; baseline {base['value']:.2f}"
        if model and base
        else "no back-test found"
    )
    return kpi.Plain(
        "Ranking (AUC)",
        f"{model['value']:.2f}" if model else formats.DASH,
        "Area under the ROC curve in the rolling back-test: how often a customer that left was scored above one that "
        "stayed; 0.5 is chance. The range is the 95% interval. Live outcomes replace it once the horizon has passed.",
        note=note,
    )


def _calibration(tested: tuple[dict[str, Any], Any] | None) -> kpi.Plain:
    error = tested[0].get("calibration_error") if tested else None
    base = tested[0].get("base_rate") if tested else None
    return kpi.Plain(
        "Calibration error",
        formats.ratio(error) if error is not None else formats.DASH,
        "Mean distance between predicted and observed share, over ten bins of the back-test. 0% means that of customers "
        "scored 20%, one in five left.",
        note=f"{formats.ratio(base)} left in the back-test" if base is not None else "no back-test found",
    )


def drifted_count(content: dict[str, Any]) -> tuple[int, int]:
    """How many features drifted, of how many."""
    columns = content.get("columns") or []
    return sum(bool(column["drifted"]) for column in columns), len(columns)


def _drift(drift: tuple[dict[str, Any], Any] | None) -> kpi.Plain:
    if drift is None:
        return kpi.Plain(
            "Drift",
            formats.DASH,
            "Distance of today's features from those the model learned from.",
            note="no report yet",
        )
    number, of = drifted_count(drift[0])
    passed = bool(drift[0].get("passed"))
    return kpi.Plain(
        "Drifted features",
        f"{number} of {of}" if of else formats.count(number),
        f"Features whose distribution left the training set's, by Evidently. {drift[0].get('message', '')}",
        note="within bounds" if passed else "beyond bounds",
        alarm=not passed,
    )


def _freshness(view: View, run: dict[str, Any] | None) -> kpi.Plain:
    if run is None:
        return kpi.Plain(
            "Features as of",
            formats.DASH,
            "Day up to which the features of the last scoring reach.",
            note="never scored",
        )
    behind = (view.clock.last - run["as_of_date"]).days
    return kpi.Plain(
        "Features as of",
        formats.day(run["as_of_date"]),
        "Day up to which the features of the last scoring reach.",
        note="as new as the data" if behind <= 1 else f"{behind} days behind the data",
        alarm=behind > 7,
    )


def _scores(view: View, run: dict[str, Any], rows: pl.DataFrame) -> None:
    colours = theme.current()
    by = (
        rows.group_by("decile")
        .agg(
            pl.len().alias("customers"),
            pl.col("score").mean().alias("expected"),
            pl.col("has_left").cast(pl.Float64).mean().alias("observed"),
            pl.col("has_left").is_not_null().sum().alias("known"),
        )
        .sort("decile")
    )
    top = by.row(0, named=True)
    mean = float(rows["score"].mean() or 0)  # type: ignore[arg-type]
    times = top["expected"] / mean if mean else 0
    known = int(by["known"].sum()) == len(rows)
    title = (
        f"The riskiest tenth is expected to leave at {formats.ratio(top['expected'])}, {times:.1f} times the average"
    )
    note = "Mean score by tenth, 1 the riskiest. " + (
        "The marks are what happened."
        if known
        else f"What happened is known once {models.HORIZON_DAYS} days have passed, on {formats.day(run['as_of_date'] + _horizon())}."
    )
    base = alt.Chart(by).encode(x=alt.X("decile:O", title="Tenth of customers by score", axis=alt.Axis(labelAngle=0)))
    bars = base.mark_bar(size=34, cornerRadiusEnd=2, color=colours.main).encode(
        y=alt.Y("expected:Q", axis=charts.AXIS_PERCENT),
        tooltip=[
            alt.Tooltip("decile:O", title="Tenth"),
            alt.Tooltip("customers:Q", title="Customers"),
            alt.Tooltip("expected:Q", title="Expected to leave", format=".1%"),
        ],
    )
    text = base.mark_text(dy=-8).encode(y="expected:Q", text=alt.Text("expected:Q", format=".1%"))
    layers = [bars, text]
    if known:
        layers.append(
            base.mark_point(filled=True, size=90, color=colours.categories[1], shape="diamond").encode(y="observed:Q")
        )
    histogram = (
        alt.Chart(rows)
        .mark_bar(color=colours.before)
        .encode(
            x=alt.X("score:Q", bin=alt.Bin(maxbins=30), title="Churn score", axis=alt.Axis(format="~%", grid=False)),
            y=alt.Y("count():Q", axis=charts.AXIS_COUNT),
            tooltip=[alt.Tooltip("count():Q", title="Customers")],
        )
        .properties(height=charts.HEIGHT)
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        charts.draw(alt.layer(*layers).properties(height=charts.HEIGHT), title, note)
    with right:
        median = float(rows["score"].median() or 0)  # type: ignore[arg-type]
        charts.draw(
            histogram,
            f"Half of {len(rows):,} customers score below {formats.ratio(median)}",
            "Number of customers by score.",
        )


def _horizon() -> Any:
    from datetime import timedelta

    return timedelta(days=models.HORIZON_DAYS)


def _backtest(tested: tuple[dict[str, Any], Any] | None) -> None:
    if tested is None:
        charts.head("Back-test", "No training run left its evaluation in this home.")
        return
    content = tested[0]
    names = {"auc": "Ranking (AUC)", "average_precision": "Average precision", "brier": "Brier score (lower is better)"}
    rows = []
    for measure, label in names.items():
        model, base, gap = (_value(tested, who, measure) for who in ("model", "baseline", "difference"))
        if model and base and gap:
            sure = gap["low"] > 0 or gap["high"] < 0
            rows.append(
                {
                    "measure": label,
                    "model": f"{model['value']:.3f}",
                    "baseline": f"{base['value']:.3f}",
                    "difference": f"{formats.MINUS if gap['value'] < 0 else '+'}{abs(gap['value']):.3f} ({gap['low']:.3f} to {gap['high']:.3f})",
                    "sure": "Yes" if sure else "Could be chance",
                }
            )
    verdict = "beats" if content.get("beats_baseline") else "does not beat"
    charts.head(
        f"In the back-test the boosted model {verdict} the baseline",
        f"{len(content.get('folds', []))} moments, trained on the past of each, 95% intervals by bootstrap over customers.",
    )
    if rows:
        import pandas as pd

        frame = pd.DataFrame(rows).rename(
            columns={
                "measure": "Measure",
                "model": "Model",
                "baseline": "Baseline",
                "difference": "Difference",
                "sure": "Certain",
            }
        )
        st.table(frame.set_index("Measure"), border="horizontal")
    if content.get("lift"):
        st.caption(
            f"In the riskiest tenth stood {content['lift']:.1f} times as many leavers as in a tenth chosen by lot."
        )


def _features(drift: tuple[dict[str, Any], Any] | None) -> None:
    if drift is None:
        charts.head("Drift", "No drift report was written in this home; `nexus build` writes one after scoring.")
        return
    content, path = drift
    number, of = drifted_count(content)
    charts.head(
        f"{number} of {of} features drifted" if number else f"None of {of} features drifted",
        f"Training set of {content.get('reference', '?')} against {content.get('current', '?')}; distances by Evidently.",
    )
    frame = drift_rows(content.get("columns") or [])
    if not frame.is_empty():
        top = frame.sort("distance", descending=True).with_columns(
            pl.struct("distance", "drifted")
            .map_elements(lambda r: f"{r['distance']:.2f}" + (" · drifted" if r["drifted"] else ""), pl.String)
            .alias("text")
        )
        charts.show(charts.ranked(top, "feature", "distance", "text", theme.current()), f"Distances of {of} features")
    html = path.with_suffix(".html")
    if html.exists():
        st.download_button(
            "Full report (HTML)",
            html.read_bytes,
            html.name,
            "text/html",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )


def drift_rows(columns: list[dict[str, Any]]) -> pl.DataFrame:
    """feature, distance, drifted; features without a distance are left out."""
    rows = [
        {"feature": formats.words(str(c["column"])), "distance": float(c["distance"]), "drifted": bool(c["drifted"])}
        for c in columns
        if c.get("distance") is not None
    ]
    return pl.DataFrame(rows, schema={"feature": pl.String, "distance": pl.Float64, "drifted": pl.Boolean})


def _tables(view: View, runs: pl.DataFrame, rows: pl.DataFrame) -> None:
    charts.head("Deeper")

    def customers() -> None:
        if rows.is_empty():
            states.no_rows("scores", "this version", "Run `nexus build`.")
        else:
            columns = [
                Column("customer", "Customer", "customer"),
                Column("score", "Churn score", "score"),
                Column("decile", "Tenth", "count"),
                Column("reason_1", "Strongest reason"),
                Column("reason_2", "Second"),
                Column("reason_3", "Third"),
                Column("mrr_minor", "MRR", "money"),
            ]
            table(rows, columns, view, name="scores")

    def history() -> None:
        if runs.is_empty():
            states.no_rows("scorings", "this version", "Run `nexus build`.")
        else:
            columns = [
                Column("model_name", "Model"),
                Column("model_version", "Version"),
                Column("as_of_date", "Features as of", "day"),
                Column("scored_at", "Scored", "instant"),
                Column("feature_service", "Feature service"),
                Column("warehouse_version", "Warehouse version"),
                Column("customers", "Customers", "count"),
                Column("mean_score", "Mean score", "ratio"),
            ]
            table(runs, columns, view, name="scorings")

    tabs.lazy(
        "model-tables",
        {"Scores with reasons": customers, "Scorings and their lineage": history},
    )
