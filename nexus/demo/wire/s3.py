"""S3 server access log lines and the monthly inventory, as Amazon documents them.

Log format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html (26 fields, `-` for an empty one).
A share is a change of an object's ACL (REST.PUT.ACL); the objects of a closed account go by lifecycle rule
(S3.EXPIRE.OBJECT).
Inventory: CSV without header, columns as in `INVENTORY_SCHEMA`; the date of the snapshot stands in the file's name.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nexus.demo.options import DAY, epoch
from nexus.demo.rand import BASE64URL, HEX_UPPER, tokens
from nexus.demo.wire.agents import S3_CLIENT, S3_SYNC
from nexus.demo.wire.text import Folder
from nexus.demo.world.company import Company
from nexus.demo.world.files import DELETE, DOWNLOAD, EXPIRE, EXTENSIONS, SHARE, UPLOAD, stored
from nexus.demo.world.incidents import EXFILTRATION_IP
from nexus.demo.world.logins import is_at_home

BUCKET = "quillhaven-files"
ACCOUNT = "111122223333"
OWNER = "7c0e4a52f1d93b6680aa5be0d47f2c19e3b8a6d51f0c4e7792ab3d68015ec4f9"
INVENTORY_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
_OPERATION = {
    UPLOAD: "REST.PUT.OBJECT",
    DOWNLOAD: "REST.GET.OBJECT",
    SHARE: "REST.PUT.ACL",
    DELETE: "REST.DELETE.OBJECT",
    EXPIRE: "S3.EXPIRE.OBJECT",
}
_METHOD = {UPLOAD: "PUT", DOWNLOAD: "GET", SHARE: "PUT", DELETE: "DELETE"}


def write_s3(company: Company, folder: Folder) -> None:
    keys = object_keys(company)
    _write_log(company, folder, keys)
    _write_inventory(company, folder, keys)


def object_keys(company: Company) -> pl.Series:
    """Key of each object: `tenants/<customer>/<user>/<name>`."""
    objects = company.files.objects
    names = pl.DataFrame(
        {
            "customer": pl.Series(company.accounts.customer_id).gather(objects["account"]),
            "user": pl.Series(company.users.id).gather(objects["user"]),
            "token": objects["token"],
            "extension": pl.Series(EXTENSIONS).gather(objects["extension"]),
        }
    )
    return names.select(
        pl.concat_str(
            pl.lit("tenants/"), "customer", pl.lit("/"), "user", pl.lit("/"), "token", pl.lit("."), "extension"
        )
    ).to_series()


def _write_log(company: Company, folder: Folder, keys: pl.Series) -> None:
    rng = company.streams.get("s3")
    frame = pl.concat(
        [
            company.files.operations.with_columns(stolen=pl.lit(False)),
            company.incidents.downloads.with_columns(stolen=pl.lit(True)),
        ]
    ).sort("at", "account", "object", "kind", maintain_order=True)
    n = frame.height
    user, kind, object_ = (frame[c].to_numpy() for c in ("user", "kind", "object"))
    objects = company.files.objects
    home = is_at_home(user, frame["at"].to_numpy())
    place = np.where(user < 0, 0, user)
    ip = np.where(
        home, np.array(company.users.home_ip)[place], np.array(company.accounts.office_ip)[frame["account"].to_numpy()]
    )
    ip = np.where(frame["stolen"].to_numpy(), EXFILTRATION_IP, np.where(user < 0, "-", ip))
    size = objects["size"].to_numpy()[object_]
    cut = (kind == DOWNLOAD) & (rng.random(n) < 0.012) & ~frame["stolen"].to_numpy()
    status = np.array([200, 200, 200, 204, 200])[kind]
    status = np.where(cut, 304, status)
    moved = np.where((kind == DOWNLOAD) & ~cut, size, 0)
    took = 12 + rng.integers(0, 60, n) + size // np.where(kind <= DOWNLOAD, 30_000, 10**12)
    lines = pl.DataFrame(
        {
            "at": frame["at"],
            "ip": ip.tolist(),
            "requester": pl.Series(company.users.id).gather(place),
            "is_store": user < 0,
            "request": tokens(rng, n, 16, HEX_UPPER).tolist(),
            "operation": pl.Series(list(_OPERATION.values())).gather(kind),
            "method": pl.Series([*_METHOD.values(), "-"]).gather(kind),
            "suffix": np.where(kind == SHARE, "?acl", "").tolist(),
            "key": keys.gather(object_),
            "status": status,
            "moved": np.where(moved > 0, moved, -1),
            "size": np.where((kind == DOWNLOAD) | (kind == UPLOAD), size, -1),
            "took": took,
            "turn": np.minimum(took, 8 + rng.integers(0, 40, n)),
            "agent": np.where(frame["stolen"].to_numpy(), S3_SYNC, S3_CLIENT).tolist(),
            "version": objects["version"].gather(object_),
            "host": tokens(rng, n, 56, BASE64URL.replace("-", "+").replace("_", "/")).tolist(),
        },
        schema_overrides=dict.fromkeys(("ip", "request", "suffix", "agent", "host"), pl.String),
    )
    for (name,), part in sorted(
        lines.with_columns(_m=pl.from_epoch("at").dt.strftime("%Y-%m-01")).group_by("_m", maintain_order=True),
        key=lambda kv: str(kv[0]),
    ):
        mark = tokens(company.streams.get(f"log:{name}"), 1, 16, HEX_UPPER)[0]
        folder.lines(f"s3/access/{name}-00-00-00-{mark}.log.gz", part.select(_line().alias("line"))["line"])


def _line() -> pl.Expr:
    host = f"{BUCKET}.s3.eu-central-1.amazonaws.com"
    stamp = pl.from_epoch("at").dt.strftime("[%d/%b/%Y:%H:%M:%S +0000]")
    dash = pl.lit("-")
    counted = [pl.when(pl.col(c) < 0).then(dash).otherwise(pl.col(c).cast(pl.String)) for c in ("moved", "size")]
    by_user = pl.concat_str(
        pl.lit(f"{OWNER} {BUCKET} "),
        stamp,
        pl.lit(" "),
        "ip",
        pl.lit(f" arn:aws:sts::{ACCOUNT}:assumed-role/app/"),
        "requester",
        pl.lit(" "),
        "request",
        pl.lit(" "),
        "operation",
        pl.lit(" "),
        "key",
        pl.lit(' "'),
        "method",
        pl.lit(" /"),
        "key",
        "suffix",
        pl.lit(' HTTP/1.1" '),
        pl.col("status").cast(pl.String),
        pl.lit(" - "),
        counted[0],
        pl.lit(" "),
        counted[1],
        pl.lit(" "),
        pl.col("took").cast(pl.String),
        pl.lit(" "),
        pl.col("turn").cast(pl.String),
        pl.lit(' "-" "'),
        "agent",
        pl.lit('" '),
        pl.when(pl.col("operation") == "REST.PUT.ACL").then(dash).otherwise(pl.col("version")),
        pl.lit(" "),
        "host",
        pl.lit(f"= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader {host} TLSv1.3 - -"),
    )
    by_store = pl.concat_str(
        pl.lit(f"{OWNER} {BUCKET} "),
        stamp,
        pl.lit(" - AmazonS3 "),
        "request",
        pl.lit(" "),
        "operation",
        pl.lit(" "),
        "key",
        pl.lit(' "-" - - - - - - "-" "-" '),
        "version",
        pl.lit(" "),
        "host",
        pl.lit("= - - - - - - -"),
    )
    return pl.when("is_store").then(by_store).otherwise(by_user)


def _write_inventory(company: Company, folder: Folder, keys: pl.Series) -> None:
    """What is stored at the end of each month. Keys hold no character that an inventory would URL-encode."""
    for day in company.options.month_ends:
        held = stored(company.files, epoch(day) + DAY)
        held = held.with_columns(key=keys.gather(held["object"]))
        cold = epoch(day) - 180 * DAY
        line = pl.concat_str(
            pl.lit(f'"{BUCKET}","'),
            "key",
            pl.lit('","'),
            "version",
            pl.lit('","true","false","'),
            pl.col("size").cast(pl.String),
            pl.lit('","'),
            pl.from_epoch("born_at").dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            pl.lit('","'),
            "etag",
            pl.lit('","'),
            pl.when(pl.col("born_at") < cold).then(pl.lit("STANDARD_IA")).otherwise(pl.lit("STANDARD")),
            pl.lit('"'),
        )
        folder.lines(f"s3/inventory/{day.isoformat()}.csv.gz", held.sort("key").select(line.alias("line"))["line"])
