"""Names say layer, source and group."""

from __future__ import annotations

import pytest

from nexus.errors import InputError
from orchestration.lib import naming


@pytest.mark.parametrize(
    ("relation", "layer", "source"),
    [
        ("raw_stripe__charge", "raw", "stripe"),
        ("raw_email_events__ses_event", "raw", "email_events"),
        ("stg_okta__group_member", "staging", "okta"),
        ("int_billing__mrr_change", "intermediate", None),
        ("dim_customer", "marts", None),
        ("fct_payment", "marts", None),
        ("customer_360", "marts", None),
        ("feat_customer__billing", "features", None),
    ],
)
def test_layer_and_source(relation: str, layer: str, source: str | None) -> None:
    named = naming.parse(relation)
    assert (named.layer, named.source) == (layer, source)
    assert named.key.path == [relation]


@pytest.mark.parametrize("relation", ["payments", "raw_stripe_charge", "tmp_x", "STG_okta__user", "stg__user"])
def test_a_name_outside_the_grammar_is_refused(relation: str) -> None:
    with pytest.raises(InputError):
        naming.parse(relation)


def test_groups_follow_source_then_domain_then_layer() -> None:
    assert naming.group(naming.parse("stg_okta__user"), "staging") == "okta"
    assert naming.group(naming.parse("fct_payment"), "billing") == "billing"
    assert naming.group(naming.parse("fct_payment"), None) == "marts"
