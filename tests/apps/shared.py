"""A published warehouse of the small demo company, made once for the tests of pages, whoever asks first.

Belongs here: making it. Does not belong here: what is expected of pages (the tests).
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Sequence
from pathlib import Path

import duckdb

from nexus.demo import Options, generate
from nexus.settings import Settings
from tests.transforms import shared as company
from warehouse.engines.duckdb.connect import build_path
from warehouse.publish import Gate, build_lock, publish
from warehouse.versions import Version, list_versions

SOURCES = ("stripe", "paypal", "s3", "email_events", "okta")


def published(settings: Settings) -> Version:
    """The newest version; lands, builds and publishes the demo company where that has not been done in this home."""
    folder = settings.home / "company"
    if not (folder / "truth").exists():
        generate(Options(customers=60, months=8, seed=11), folder)
    if not _built(settings):
        company.land_export(settings, folder, SOURCES)
        company.load(settings, "duckdb")
        _dbt(settings)
    known = [version for version in list_versions(settings, readable=True) if version.gates]
    return known[0] if known else publish_again(settings)


def _dbt(settings: Settings) -> None:
    """dbt leaves its log open: closed here, where nobody minds, and not in the middle of some later test."""
    from dbt_common.events.event_manager_client import cleanup_event_logger

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        company.build(settings, "duckdb")
        cleanup_event_logger()
        gc.collect()


def publish_again(settings: Settings, refuse: bool = False) -> Version:
    """One more version of the same build, with its gates; `refuse` adds one that cannot be passed."""
    bad = [Gate("nothing passes this", False, "made to fail")] if refuse else []
    with build_lock(settings, wait=True):
        return publish(settings, audit=lambda candidate: [*_gates(candidate.path), *bad])


def _gates(path: Path) -> Sequence[Gate]:
    """Two business rules, judged on the candidate."""
    with duckdb.connect(str(path), read_only=True) as candidate:
        drift = candidate.execute(
            """select count(*) from marts.fct_mrr_month
               where opening_minor + new_minor + expansion_minor + contraction_minor + churn_minor + reactivation_minor
                     <> closing_minor"""
        ).fetchone()
        lonely = candidate.execute("select count(*) from marts.fct_refund where amount_minor <= 0").fetchone()
    assert drift
    assert lonely
    return [
        Gate("mrr_of_a_month_is_the_sum_of_its_movements", drift[0] == 0, f"{drift[0]} months differ"),
        Gate("refunds_are_positive", lonely[0] == 0, f"{lonely[0]} are not"),
    ]


def _built(settings: Settings) -> bool:
    path = build_path(settings)
    if not path.exists():
        return False
    with duckdb.connect(str(path), read_only=True) as build:
        found = build.execute("select count(*) from duckdb_tables() where table_name = 'customer_360'").fetchone()
    return bool(found and found[0])
