"""CloudTrail live against moto's server: accounts, regions and days are found; digests are left alone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from nexus.settings import Settings
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Span
from tests.orchestration.live.conftest import Connect

NOW = datetime.now(UTC)


def test_a_trail_is_pulled_by_account_region_and_day(
    settings: Settings, moto: str, connect: Connect, aws: Callable[[str], Any]
) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="trail")

    def deliver(account: str, region: str, day: datetime, number: int, kind: str = "CloudTrail") -> None:
        record = {"eventID": f"{account}-{region}-{number}", "eventTime": f"{day:%Y-%m-%dT%H:%M:%SZ}", "eventName": "GetUser",
                  "eventSource": "iam.amazonaws.com", "awsRegion": region}  # fmt: skip
        folder = f"org/AWSLogs/o-1/{account}/{kind}/{region}/{day:%Y/%m/%d}"
        key = f"{folder}/{account}_{kind}_{region}_{day:%Y%m%dT%H%MZ}_{number}.json.gz"
        s3.put_object(Bucket="trail", Key=key, Body=gzip.compress(json.dumps({"Records": [record]}).encode()))

    for account in ("111111111111", "222222222222"):
        for region in ("eu-west-1", "us-east-1"):
            for days in (0, 1, 40):
                deliver(account, region, NOW - timedelta(days=days), days)
        deliver(account, "eu-west-1", NOW, 7, "CloudTrail-Digest")
        deliver(account, "eu-west-1", NOW, 8, "CloudTrail-Insight")
    common = {"secrets": {"secret_access_key": "secret"}, "access_key_id": "AKIDTEST", "endpoint_url": moto}
    connection = connect("cloudtrail", bucket="trail", prefix="org/AWSLogs/", regions=["eu-west-1"], **common)

    def known() -> set[tuple[str, str]]:
        with landed(settings, connection) as ask:
            return {(i.split("-")[0][0], i[-2:].strip("-")) for (i,) in ask("select id from raw_cloudtrail__event")}

    span = Span(NOW - timedelta(days=41), NOW - timedelta(days=39))
    report = pull(connection, settings, span=span)
    report.raise_failed()
    assert known() == {("1", "40"), ("2", "40")}
    pull(connection, settings).raise_failed()
    assert known() == {(a, n) for a in "12" for n in ("0", "1", "40")}
    deliver("333333333333", "eu-west-1", NOW - timedelta(days=1), 5)  # an account joins
    last = pull(connection, settings)
    last.raise_failed()
    assert last.total.landed == 1
    assert known() == {(a, n) for a in "12" for n in ("0", "1", "40")} | {("3", "5")}
    assert last.total.quarantined == 0
