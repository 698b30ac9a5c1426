"""A real randomised campaign, mapped from its table, keeps every recipient in the arm that chance gave it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.settings import Settings
from orchestration.sources import choose
from tests.transforms.shared import ENGINES, build, load, query
from warehouse.land import land

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ENGINES)
def campaign(
    session_settings: Settings, real_data: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Settings, str]]:
    engine: str = request.param
    home = session_settings.home / f"campaign_{engine}"
    url = SecretStr(postgres.dsn(session_settings, f"campaign_{engine}"))
    settings = Settings(home=home, database_url=url)
    table = real_data / "email" / "hillstrom.csv"
    source, mapping = choose("tabular", [table])
    report = land(source, [table], "retail", settings, mapping=mapping)
    assert report.total.landed == 64_000
    load(settings, engine)
    build(settings, engine, select=("+fct_campaign",))
    yield settings, engine
    shutil.rmtree(home, ignore_errors=True)


def test_recipients_by_arm(campaign: tuple[Settings, str]) -> None:
    settings, engine = campaign
    arms = query(
        settings,
        engine,
        "select arm_code, is_holdout, count(*) as n, count(distinct message_id) as keys from marts.fct_email_message "
        "where workspace_id = 'retail' group by arm_code, is_holdout order by arm_code",
    )
    assert arms.rows() == [
        ("mens_email", False, 21_307, 21_307),
        ("none", True, 21_306, 21_306),
        ("womens_email", False, 21_387, 21_387),
    ]


def test_outcomes_by_arm(campaign: tuple[Settings, str], real_data: Path) -> None:

    settings, engine = campaign
    table = pl.read_csv(real_data / "email" / "hillstrom.csv", schema_overrides={"spend": pl.Float64})
    arms = {"Mens E-Mail": "mens_email", "Womens E-Mail": "womens_email", "No E-Mail": "none"}
    expected = (
        table.group_by(arm_code=pl.col("segment").replace_strict(arms))
        .agg(
            visited_count=pl.col("visit").sum(),
            converted_count=pl.col("conversion").sum(),
            spend_minor=(pl.col("spend") * 100).round().cast(pl.Int64).sum(),
        )
        .sort("arm_code")
    )
    found = query(
        settings, engine, "select arm_code, visited_count, converted_count, spend_minor from marts.fct_campaign"
    ).sort("arm_code")
    assert found.rows() == expected.rows()
