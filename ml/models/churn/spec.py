"""The churn model's values: which features, which label, which parameters. A change trains anew."""

from __future__ import annotations

from datetime import timedelta

from ml.lib.spec import ModelSpec

SPEC = ModelSpec(
    name="churn",
    title="Will the customer have stopped paying within sixty days?",
    service="churn_v1",
    label_relation="feat_customer__churn_label",
    label="churned_within_60d",
    horizon=timedelta(days=60),
    # what an attentive account manager looks at
    baseline=("tenure_days", "mrr_minor", "failed_payments_90d", "days_since_login", "logins_30d"),
    params={
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 12,
        "max_depth": 4,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
    },
    rounds=150,
    labels={
        "mrr_minor": "monthly revenue",
        "mrr_change_90d_minor": "change of monthly revenue in 90 days",
        "failed_payments_90d": "failed payments in 90 days",
        "paid_payments_90d": "payments in 90 days",
        "refunds_90d": "refunds in 90 days",
        "tenure_days": "customer for",
        "months_since_last_change": "months since the subscription last changed",
        "interval_months": "billing interval in months",
        "is_past_due": "payment overdue",
        "currency_is_usd": "pays in US dollars",
        "active_users_30d": "active users in 30 days",
        "file_events_30d": "file operations in 30 days",
        "files_uploaded_30d": "uploads in 30 days",
        "files_downloaded_30d": "downloads in 30 days",
        "files_shared_30d": "files shared in 30 days",
        "usage_change_30d_pct": "change of file use against the 30 days before",
        "days_since_file_event": "days since a file was touched",
        "logins_30d": "logins in 30 days",
        "logins_prev_30d": "logins in the 30 days before those",
        "login_trend_pct": "change of logins against the 30 days before",
        "days_since_login": "days since the last login",
        "failed_logins_30d": "failed logins in 30 days",
        "mfa_share_pct": "logins with a second factor",
        "storage_bytes": "files kept",
        "storage_growth_90d_pct": "growth of files kept in 90 days",
        "egress_bytes_30d": "bytes downloaded in 30 days",
        "emails_delivered_90d": "e-mails delivered in 90 days",
        "emails_opened_90d": "e-mails opened in 90 days",
        "human_open_rate_90d_pct": "e-mails opened by people in 90 days",
        "clicks_90d": "e-mails clicked in 90 days",
        "unsubscribed_180d": "unsubscriptions in 180 days",
        "bounces_90d": "bounced e-mails in 90 days",
    },
)
