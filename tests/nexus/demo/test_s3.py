"""S3 access log lines have the documented fields; replaying them gives the inventories and the truth."""

from __future__ import annotations

import csv
import io
import ipaddress
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

#: Bucket owner to aclRequired, as in "Amazon S3 server access log format".
FIELDS = [
    "owner",
    "bucket",
    "time",
    "ip",
    "requester",
    "request_id",
    "operation",
    "key",
    "uri",
    "status",
    "error",
    "sent",
    "size",
    "total",
    "turnaround",
    "referer",
    "agent",
    "version",
    "host_id",
    "signature",
    "cipher",
    "auth",
    "host",
    "tls",
    "access_point",
    "acl_required",
]
FIELD = re.compile(r'\[([^]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)')


def lines(written: Any) -> list[dict[str, str]]:
    found = []
    for path in written.paths("s3/access/*.log.gz"):
        for line in written.text(path).splitlines():
            values = ["".join(m.groups(default="")) for m in FIELD.finditer(line)]
            assert len(values) == len(FIELDS), line
            found.append(dict(zip(FIELDS, values, strict=True)))
    return found


def moment(line: dict[str, str]) -> datetime:
    return datetime.strptime(line["time"], "%d/%b/%Y:%H:%M:%S %z")


def inventory(written: Any, day: date) -> dict[str, int]:
    (path,) = written.paths(f"s3/inventory/{day}.csv.gz")
    rows = list(csv.reader(io.StringIO(written.text(path))))
    assert all(len(row) == 9 for row in rows)
    assert len({row[1] for row in rows}) == len(rows)
    return {row[1]: int(row[5]) for row in rows}


def test_lines_are_in_order_within_the_window_and_link_to_users(written: Any) -> None:
    found = lines(written)
    moments = [moment(line).timestamp() for line in found]
    assert moments == sorted(moments)
    assert written.options.start <= moments[0] <= moments[-1] < written.options.end
    assert len({line["request_id"] for line in found}) == len(found)
    whose = dict(written.truth("users.parquet").select("user_id", "customer_id").iter_rows())
    born = dict(written.truth("users.parquet").select("user_id", "created_at").iter_rows())
    for line in found:
        _, customer, uploader, _ = line["key"].split("/")
        assert whose[uploader] == customer
        if line["requester"] != "AmazonS3":
            user = line["requester"].rsplit("/", 1)[1]
            assert line["requester"].startswith("arn:aws:sts::")
            assert whose[user] == customer
            assert born[user].replace(tzinfo=UTC) < moment(line)
            assert line["uri"].split()[1].split("?")[0] == f"/{line['key']}"
            assert any(
                ipaddress.ip_address(line["ip"]) in net
                for net in map(ipaddress.ip_network, ("198.18.0.0/15", "192.0.2.0/24"))
            )


def test_replaying_the_log_gives_every_inventory_and_the_truth(written: Any) -> None:
    held: dict[str, int] = {}
    snapshots: dict[date, dict[str, int]] = {}
    days = iter(written.options.month_ends)
    day = next(days)
    for line in lines(written):
        while moment(line).date() > day:
            snapshots[day], day = dict(held), next(days)
        if line["operation"] == "REST.PUT.OBJECT":
            assert line["key"] not in held
            held[line["key"]] = int(line["size"])
        elif line["operation"] in ("REST.DELETE.OBJECT", "S3.EXPIRE.OBJECT"):
            del held[line["key"]]
        else:
            assert line["key"] in held, "read before it was uploaded or after it was deleted"
    snapshots[day] = dict(held)
    for later in days:
        snapshots[later] = dict(held)
    truth = written.truth("storage_customer.parquet")
    for day, expected in snapshots.items():
        assert inventory(written, day) == expected
        stored: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for key, size in expected.items():
            stored[key.split("/")[1]][0] += 1
            stored[key.split("/")[1]][1] += size
        told = truth.filter(pl.col("snapshot_date") == day).drop("snapshot_date")
        assert sorted((c, *v) for c, v in stored.items()) == sorted(told.iter_rows())


def test_the_exfiltration_stands_out(written: Any) -> None:
    theft = written.documents("../truth/incidents.json")[0]["exfiltration"]
    taken = [line for line in lines(written) if line["ip"] == theft["ip_address"]]
    assert {line["requester"].rsplit("/", 1)[1] for line in taken} == {theft["user_id"]}
    assert (len(taken), sum(int(line["sent"]) for line in taken)) == (theft["downloads"], theft["bytes"])
    assert max(moment(line) for line in taken) - min(moment(line) for line in taken) < timedelta(hours=2)
    last = datetime.fromtimestamp(written.options.end, UTC) - timedelta(days=30)
    assert min(moment(line) for line in taken) > last
    day = moment(taken[0]).date()
    sent: dict[date, int] = defaultdict(int)
    for line in lines(written):
        if line["sent"] != "-":
            sent[moment(line).date()] += int(line["sent"])
    others = sorted(v for d, v in sent.items() if d != day)
    assert sent[day] > 2 * others[-len(others) // 20], "more than twice what leaves on a busy day"
