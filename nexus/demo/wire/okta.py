"""Okta: System Log events, users, groups and memberships, as the Okta API returns them.

System Log: https://developer.okta.com/docs/reference/api/system-log/ (LogEvent). Users carry the custom
profile attribute `customerId`, beside `organization`. Membership is exported flat: {"group_id", "user_id"}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from nexus.demo.catalog import COMPANY, COMPANY_DOMAIN, COUNTRIES
from nexus.demo.rand import BASE62, HEX, Ints, tokens
from nexus.demo.wire.agents import BROWSER_NAMES, BROWSERS, DEVICES, SYSTEMS
from nexus.demo.wire.okta_facts import facts
from nexus.demo.wire.okta_groups import GROUPS, members
from nexus.demo.wire.text import Folder, Quoted, iso, json, number, optional, stamp, text
from nexus.demo.world.company import Company
from nexus.demo.world.users import NEVER

_APP = {
    "id": "0oaQuillhaven00000x7",
    "type": "AppInstance",
    "alternateId": f"{COMPANY} Files",
    "displayName": f"{COMPANY} Files",
    "detailEntry": None,
}


def write_okta(company: Company, folder: Folder) -> None:
    _write_log(company, folder)
    folder.lines("okta/users.jsonl.gz", _users(company).select(_user().alias("line"))["line"])
    folder.objects("okta/groups.jsonl", [_group(company, code) for code in GROUPS])
    folder.objects("okta/group_members.jsonl", _members(company))


def _write_log(company: Company, folder: Folder) -> None:
    rng = company.streams.get("okta")
    frame = facts(company)
    n = frame.height
    users, accounts = company.users, company.accounts
    browser = pl.Series(users.browser)
    code = [COUNTRIES[c].code for c in accounts.country[users.account].tolist()]
    city = [COUNTRIES[c].city for c in accounts.country[users.account].tolist()]
    actor, target = frame["actor"], frame["target"]
    known = actor.clip(0)
    names = pl.Series([f"{g} {f}" for g, f in zip(users.given, users.family, strict=True)])
    frame = frame.with_columns(
        uuid=pl.Series(_uuids(rng, n), dtype=pl.String),
        transaction=pl.Series(tokens(rng, n, 27, BASE62).tolist(), dtype=pl.String),
        session=pl.Series(tokens(rng, n, 20, BASE62).tolist(), dtype=pl.String),
        milli=pl.Series(rng.integers(100, 1000, n)).cast(pl.String),
        actor_id=pl.Series(users.id).gather(known),
        actor_login=pl.Series(users.email).gather(known),
        actor_name=names.gather(known),
        target_id=pl.Series(users.id).gather(target.clip(0)),
        target_login=pl.Series(users.email).gather(target.clip(0)),
        target_name=names.gather(target.clip(0)),
        country=pl.Series(code).gather(known),
        city=pl.Series(city).gather(known),
        agent=pl.Series(BROWSERS).gather(browser.gather(known)),
        browser=pl.Series(BROWSER_NAMES).gather(browser.gather(known)),
        os=pl.Series(SYSTEMS).gather(browser.gather(known)),
        device=pl.Series(DEVICES).gather(browser.gather(known)),
    )
    folder.monthly("okta/system_log-{month}.jsonl.gz", frame, "at", _event())


def _event() -> pl.Expr:
    """One LogEvent. `actor` −1 is a login nobody has, −2 the system itself; `attacked` marks the burst's own client."""
    system, nobody = pl.col("actor") == -2, pl.col("actor") == -1
    attacked = pl.col("is_attack")

    def who(ordinary: pl.Expr, if_nobody: str | pl.Expr, if_system: str) -> Quoted:
        return text(
            pl.when(system)
            .then(pl.lit(if_system))
            .when(nobody)
            .then(pl.lit(if_nobody) if isinstance(if_nobody, str) else if_nobody)
            .otherwise(ordinary)
        )

    def client(ordinary: str, attacker: str | None) -> pl.Expr:
        return optional(
            pl.when(system)
            .then(None)
            .when(attacked)
            .then(pl.lit(attacker, dtype=pl.String))
            .otherwise(pl.col(ordinary))
        )

    ip = optional(pl.when(system).then(None).otherwise(pl.col("ip")))
    place = {
        "city": client("city", None),
        "state": None,
        "country": client("country", "ZZ"),
        "postalCode": None,
        "geolocation": None,
    }
    shape: dict[str, Any] = {
        "actor": {
            "id": who(pl.col("actor_id"), "unknown", "00uSystemPrincipal00"),
            "type": text(pl.when(system).then(pl.lit("SystemPrincipal")).otherwise(pl.lit("User"))),
            "alternateId": who(pl.col("actor_login"), pl.col("guess"), "system@okta.com"),
            "displayName": who(pl.col("actor_name"), "unknown", "Okta System"),
            "detailEntry": None,
        },
        "client": {
            "userAgent": {
                "rawUserAgent": client("agent", "python-requests/2.31.0"),
                "os": client("os", "Unknown"),
                "browser": client("browser", "UNKNOWN"),
            },
            "zone": optional(pl.when(system).then(None).otherwise(pl.lit("null"))),
            "device": client("device", "Unknown"),
            "id": None,
            "ipAddress": ip,
            "geographicalContext": place,
        },
        "device": None,
        "authenticationContext": {
            "authenticationProvider": None,
            "credentialProvider": optional("credential"),
            "credentialType": None,
            "issuer": None,
            "interface": None,
            "authenticationStep": 0,
            "externalSessionId": text("session"),
        },
        "displayMessage": text("message"),
        "eventType": text("event"),
        "outcome": {"result": text("result"), "reason": optional("reason")},
        "published": text(pl.concat_str(iso("at", "."), "milli", pl.lit("Z"))),
        "securityContext": {
            "asNumber": None,
            "asOrg": None,
            "isp": None,
            "domain": None,
            "isProxy": number(pl.when(system).then(None).otherwise(pl.lit(False))),
        },
        "severity": text("severity"),
        "debugContext": {"debugData": {"requestId": text("transaction"), "requestUri": text("uri")}},
        "legacyEventType": optional("legacy"),
        "transaction": {"type": "WEB", "id": text("transaction"), "detail": pl.lit("{}")},
        "uuid": text("uuid"),
        "version": "0",
        "request": {
            "ipChain": pl.when(system)
            .then(pl.lit("[]"))
            .otherwise(json([{"ip": ip, "geographicalContext": place, "version": "V4", "source": None}]))
        },
        "target": _targets(),
    }
    return json(shape)


def _targets() -> pl.Expr:
    """A user, a user and a group, or the application, as the kind of event asks."""
    user = {
        "id": text("target_id"),
        "type": "User",
        "alternateId": text("target_login"),
        "displayName": text("target_name"),
        "detailEntry": None,
    }
    group = {
        "id": text("group_id"),
        "type": "UserGroup",
        "alternateId": "unknown",
        "displayName": text("group_name"),
        "detailEntry": None,
    }
    return (
        pl.when(pl.col("target") < 0)
        .then(pl.when(pl.col("event") == "user.authentication.sso").then(json([_APP])).otherwise(pl.lit("null")))
        .when(pl.col("group_id").is_not_null())
        .then(json([user, group]))
        .otherwise(json([user]))
    )


def _uuids(rng: np.random.Generator, n: int) -> list[str]:
    return [f"{t[:8]}-{t[8:12]}-11f0-{t[12:16]}-{t[16:]}" for t in tokens(rng, n, 28, HEX).tolist()]


def _users(company: Company) -> pl.DataFrame:
    users, accounts = company.users, company.accounts
    account = pl.Series(users.account)
    countries = pl.Series([c.code for c in COUNTRIES]).gather(pl.Series(accounts.country).gather(account))
    frame = pl.DataFrame(
        {
            "id": users.id,
            "given": users.given,
            "family": users.family,
            "email": users.email,
            "is_owner": users.is_owner,
            "invited": users.invited_at,
            "activated": users.activated_at,
            "left": users.left_at,
            "last": _last_seen(company),
            "organization": pl.Series(accounts.name).gather(account),
            "customer": pl.Series(accounts.customer_id).gather(account),
            "country": countries,
        }
    )
    frame = frame.with_columns(
        pl.when(pl.col(c) < int(NEVER)).then(pl.col(c)).alias(c) for c in ("invited", "activated", "left")
    ).with_columns(last=pl.when(pl.col("last") > 0).then(pl.col("last")))
    return frame.with_columns(
        changed=pl.coalesce("left", "activated", "invited"),
        status=pl.when(pl.col("left").is_not_null())
        .then(pl.lit("DEPROVISIONED"))
        .when(pl.col("activated").is_not_null())
        .then(pl.lit("ACTIVE"))
        .otherwise(pl.lit("PROVISIONED")),
    )


def _user() -> pl.Expr:
    """One user of the Users API."""
    home = pl.concat_str(pl.lit(f"https://{COMPANY_DOMAIN}/api/v1/users/"), "id")
    return json(
        {
            "id": text("id"),
            "status": text("status"),
            "created": text(iso("invited")),
            "activated": optional(iso("activated")),
            "statusChanged": text(iso("changed")),
            "lastLogin": optional(iso("last")),
            "lastUpdated": text(iso(pl.max_horizontal("changed", "last"))),
            "passwordChanged": optional(iso("activated")),
            "type": {"id": "otyQuillhavenUser0001"},
            "profile": {
                "firstName": text("given"),
                "lastName": text("family"),
                "mobilePhone": None,
                "secondEmail": None,
                "login": text("email"),
                "email": text("email"),
                "organization": text("organization"),
                "customerId": text("customer"),
                "countryCode": text("country"),
                "userType": text(pl.when("is_owner").then(pl.lit("owner")).otherwise(pl.lit("member"))),
            },
            "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
            "_links": {"self": {"href": text(home)}},
        }
    )


def _last_seen(company: Company) -> Ints:
    """Last successful sign-in of each user, 0 where there is none."""
    seen = np.zeros(len(company.users), dtype=np.int64)
    np.maximum.at(seen, company.logins.sessions["user"].to_numpy(), company.logins.sessions["at"].to_numpy())
    tries = company.incidents.attempts.filter("is_success")
    np.maximum.at(seen, tries["user"].to_numpy(), tries["at"].to_numpy())
    if company.incidents.victim is not None:
        seen[company.incidents.victim] = max(seen[company.incidents.victim], company.incidents.session_at)
    return seen


def _group(company: Company, code: str) -> dict[str, Any]:
    id, name, description = GROUPS[code]
    made, last = stamp(company.options.start), stamp(company.options.end - 1)
    return {
        "id": id,
        "created": made,
        "lastUpdated": made,
        "lastMembershipUpdated": last,
        "objectClass": ["okta:user_group"],
        "type": "BUILT_IN" if code == "everyone" else "OKTA_GROUP",
        "profile": {"name": name, "description": description},
        "_links": {"self": {"href": f"https://{COMPANY_DOMAIN}/api/v1/groups/{id}"}},
    }


def _members(company: Company) -> list[dict[str, str]]:
    return [{"group_id": GROUPS[g][0], "user_id": company.users.id[u]} for g, u in members(company)]
