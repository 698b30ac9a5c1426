"""The values of model @@name: which features, which label, which parameters. A change trains anew."""

from __future__ import annotations

from datetime import timedelta

from ml.lib.spec import ModelSpec

#: It begins with the label that the house has. A label of your own is a dbt relation `feat_customer__<what>_label`, true
#: or false at each snapshot and known `horizon` later.
SPEC = ModelSpec(
    name="@@name",
    title="@@title?",
    service="@@service",
    label_relation="feat_customer__churn_label",
    label="churned_within_60d",
    horizon=timedelta(days=60),
    # what the real model must beat: few features, and a straight line
    baseline=("logins_30d", "failed_payments_90d", "tenure_days"),
    params={
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
    },
    rounds=100,
)
