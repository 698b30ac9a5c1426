"""What there is: a snapshot, so that a change of what a model reads is seen in review."""

from __future__ import annotations

import pytest

from features import catalog
from nexus.errors import NotFoundError
from nexus.settings import PROJECT


def test_services_and_views() -> None:
    assert {s.name: s.views for s in catalog.SERVICES} == {
        "churn_v1": ("billing", "engagement", "access", "storage", "mail"),
    }


def test_every_view_has_its_dbt_model() -> None:
    models = {p.stem for p in (PROJECT / "transforms" / "dbt" / "models" / "features").glob("feat_customer__*.sql")}
    assert {v.relation for v in catalog.VIEWS} <= models


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(NotFoundError, match="churn_v9") as caught:
        catalog.service("churn_v9")
    assert "churn_v1" in str(caught.value)


def test_definitions_tell_stores_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalog.fingerprint()
    monkeypatch.setattr(catalog, "VIEWS", catalog.VIEWS[:-1])
    assert catalog.fingerprint() != before
