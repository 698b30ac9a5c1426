"""What Okta saw of the company: one row for each event of its log, without the format.

Columns: at, event, result, reason, actor, target, ip, guess, group_id, group_name, is_attack and the texts
of the event type.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from nexus.demo.rand import Ints
from nexus.demo.wire.okta_groups import GROUPS, memberships
from nexus.demo.world.company import Company
from nexus.demo.world.incidents import BURST_IP, BURST_SECONDS, EXFILTRATION_IP
from nexus.demo.world.logins import is_at_home
from nexus.demo.world.users import NEVER

#: displayMessage, severity, legacyEventType, requestUri, credentialProvider by event type.
_TEXTS: dict[str, tuple[str | None, ...]] = {
    "user.session.start": (
        "User login to Okta",
        "INFO",
        "core.user_auth.login_success",
        "/api/v1/authn",
        "OKTA_CREDENTIAL_PROVIDER",
    ),
    "user.authentication.auth_via_mfa": (
        "Authentication of user via MFA",
        "INFO",
        "core.user.factor.attempt_success",
        "/api/v1/authn/factors",
        "OKTA_CREDENTIAL_PROVIDER",
    ),
    "policy.evaluate_sign_on": ("Evaluation of sign-on policy", "INFO", None, "/api/v1/authn", None),
    "user.authentication.sso": ("User single sign on to app", "INFO", "app.auth.sso", "/app/quillhaven/sso", None),
    "user.lifecycle.create": (
        "Create okta user",
        "INFO",
        "core.user.config.user_creation.success",
        "/api/v1/users",
        None,
    ),
    "user.lifecycle.activate": (
        "Activate Okta user",
        "INFO",
        "core.user.config.user_activated",
        "/api/v1/users/activate",
        None,
    ),
    "user.lifecycle.deactivate": (
        "Deactivate Okta user",
        "INFO",
        "core.user.config.user_deactivated",
        "/api/v1/users/deactivate",
        None,
    ),
    "user.mfa.factor.activate": (
        "Activate factor for user",
        "INFO",
        "core.user.factor.activate",
        "/api/v1/users/factors",
        None,
    ),
    "user.account.reset_password": (
        "User reset password for Okta (by admin)",
        "INFO",
        "core.user.config.password_reset",
        "/api/v1/authn/recovery/password",
        None,
    ),
    "user.account.update_password": (
        "User update password for Okta",
        "INFO",
        "core.user.config.password_update",
        "/api/v1/users/credentials",
        None,
    ),
    "user.account.privilege.grant": (
        "Grant user privilege",
        "INFO",
        "core.user.admin_privilege.granted",
        "/api/v1/users/roles",
        None,
    ),
    "group.user_membership.add": (
        "Add user to group membership",
        "INFO",
        "core.user_group_member.user_add",
        "/api/v1/groups/users",
        None,
    ),
    "group.user_membership.remove": (
        "Remove user from group membership",
        "INFO",
        "core.user_group_member.user_remove",
        "/api/v1/groups/users",
        None,
    ),
    "security.threat.detected": ("Request from suspicious actor", "WARN", None, "/api/v1/authn", None),
    "user.account.lock": (
        "Max sign in attempts exceeded",
        "WARN",
        "core.user_auth.account_locked",
        "/api/v1/authn",
        None,
    ),
}
_NOBODY, _SYSTEM = -1, -2
_SCHEMA = {
    "at": pl.Int64,
    "event": pl.String,
    "result": pl.String,
    "reason": pl.String,
    "actor": pl.Int64,
    "target": pl.Int64,
    "ip": pl.String,
    "guess": pl.String,
    "group": pl.String,
    "is_attack": pl.Boolean,
}


def facts(company: Company) -> pl.DataFrame:
    parts = [*_sign_ins(company), *_attack(company), *_lifecycle(company), *_groups(company)]
    frame = pl.concat([p for p in parts if p.height])
    frame = frame.filter(pl.col("at") < company.options.end).sort(
        "at", "actor", "target", "event", "group", maintain_order=True
    )
    texts = pl.DataFrame(
        [(event, *_TEXTS[event]) for event in _TEXTS],
        schema=["event", "message", "severity", "legacy", "uri", "credential"],
        orient="row",
    )
    groups = pl.DataFrame(
        [(c, g[0], g[1]) for c, g in GROUPS.items()], schema=["group", "group_id", "group_name"], orient="row"
    )
    frame = frame.join(texts, on="event", how="left", maintain_order="left").join(
        groups, on="group", how="left", maintain_order="left"
    )
    failed = (pl.col("event") == "user.session.start") & (pl.col("result") == "FAILURE")
    return frame.with_columns(
        legacy=pl.when(failed).then(pl.lit("core.user_auth.login_failed")).otherwise(pl.col("legacy")),
        severity=pl.when(failed).then(pl.lit("WARN")).otherwise(pl.col("severity")),
    )


def _rows(
    company: Company,
    at: Ints,
    event: str,
    actor: Ints,
    target: Ints | None = None,
    result: str = "SUCCESS",
    reason: str | None = None,
    ip: str | None = None,
    group: list[str] | str | None = None,
    is_attack: bool = False,
    guess: list[str] | None = None,
) -> pl.DataFrame:
    n = len(at)
    users, accounts = company.users, company.accounts
    named: Sequence[str | None] = group if isinstance(group, list) else [group] * n  # type: ignore[list-item]
    if ip is None:
        place = np.maximum(actor, 0)
        office = np.array(accounts.office_ip)[users.account[place]]
        where = np.where(is_at_home(place, at), np.array(users.home_ip)[place], office).tolist()
    else:
        where = [ip] * n
    return pl.DataFrame(
        {
            "at": at,
            "event": [event] * n,
            "result": [result] * n,
            "reason": [reason] * n,
            "actor": actor,
            "target": np.full(n, _NOBODY) if target is None else target,
            "ip": where,
            "guess": pl.Series(guess or [None] * n, dtype=pl.String),
            "group": pl.Series(named, dtype=pl.String),
            "is_attack": [is_attack] * n,
        },
        schema=_SCHEMA,
    )


def _sign_ins(company: Company) -> list[pl.DataFrame]:
    sessions, failures = company.logins.sessions, company.logins.failures
    user, at = sessions["user"].to_numpy(), sessions["at"].to_numpy()
    second = sessions["is_mfa"].to_numpy()
    rng = company.streams.get("okta-sessions")
    sso = rng.random(len(user)) < 0.25
    wrong = failures["user"].to_numpy(), failures["at"].to_numpy()
    return [
        _rows(company, at, "user.session.start", user, user),
        _rows(
            company,
            at[second] - 2,
            "policy.evaluate_sign_on",
            user[second],
            user[second],
            "CHALLENGE",
            "Sign-on policy evaluation resulted in CHALLENGE",
        ),
        _rows(company, at[second] - 1, "user.authentication.auth_via_mfa", user[second], user[second]),
        _rows(company, at[sso] + 4, "user.authentication.sso", user[sso]),
        _rows(company, wrong[1], "user.session.start", wrong[0], wrong[0], "FAILURE", "INVALID_CREDENTIALS"),
    ]


def _attack(company: Company) -> list[pl.DataFrame]:
    tries = company.incidents.attempts
    user, at = tries["user"].to_numpy(), tries["at"].to_numpy()
    hit, known = tries["is_success"].to_numpy(), tries["user"].to_numpy() >= 0
    guesses = [f"user{g}@{company.accounts.domain[g % len(company.accounts)]}" for g in tries["guess"].to_list()]
    known &= ~hit
    nobody = [g for g, is_user in zip(guesses, (user >= 0).tolist(), strict=True) if not is_user]
    made = [
        _rows(
            company,
            at[known],
            "user.session.start",
            user[known],
            user[known],
            "FAILURE",
            "INVALID_CREDENTIALS",
            BURST_IP,
            is_attack=True,
        ),
        _rows(
            company,
            at[user < 0],
            "user.session.start",
            user[user < 0],
            None,
            "FAILURE",
            "VERIFICATION_ERROR",
            BURST_IP,
            is_attack=True,
            guess=nobody,
        ),
        _rows(company, at[hit], "user.session.start", user[hit], user[hit], ip=BURST_IP, is_attack=True),
    ]
    alarm = np.array([at[0] + BURST_SECONDS // 2, at[0] + BURST_SECONDS])
    made.append(
        _rows(company, alarm, "security.threat.detected", np.full(2, _SYSTEM), None, "DENY", "Password Spray", BURST_IP)
    )
    if company.incidents.victim is not None:
        who, when = np.array([company.incidents.victim]), np.array([company.incidents.session_at])
        made.append(_rows(company, when, "user.session.start", who, who, ip=EXFILTRATION_IP))
        made.append(_rows(company, when + 5, "user.authentication.sso", who, ip=EXFILTRATION_IP))
    return made


def _lifecycle(company: Company) -> list[pl.DataFrame]:
    users = company.users
    everyone = np.arange(len(users))
    owner = np.zeros(len(company.accounts), dtype=np.int64)
    owner[users.account[users.is_owner]] = np.flatnonzero(users.is_owner)
    host = owner[users.account]
    there = {n: np.flatnonzero(getattr(users, n) < NEVER) for n in ("activated_at", "left_at", "mfa_at")}
    promoted = np.flatnonzero((users.admin_at < NEVER) & ~users.is_owner)
    active, left, mfa = there["activated_at"], there["left_at"], there["mfa_at"]
    by_owner = (users.left_at[host] > users.left_at[everyone]) & ~users.is_owner
    system = np.full(len(left), _SYSTEM)
    who, when = company.resets
    return [
        _rows(company, users.invited_at, "user.lifecycle.create", np.where(users.is_owner, _SYSTEM, host), everyone),
        _rows(company, users.activated_at[active], "user.lifecycle.activate", active, active),
        _rows(
            company,
            users.left_at[left],
            "user.lifecycle.deactivate",
            np.where(by_owner[left], host[left], system),
            left,
        ),
        _rows(company, users.mfa_at[mfa], "user.mfa.factor.activate", mfa, mfa),
        _rows(company, when, "user.account.reset_password", who, who),
        _rows(company, when + 240, "user.account.update_password", who, who),
        _rows(company, users.admin_at[promoted], "user.account.privilege.grant", host[promoted], promoted),
    ]


def _groups(company: Company) -> list[pl.DataFrame]:
    """Membership follows the plan of the account, and the role of the user."""
    made = []
    for sign, name in ((1, "add"), (-1, "remove")):
        chosen = [m for m in memberships(company) if m[3] == sign]
        at, user, group = ([m[i] for m in chosen] for i in range(3))
        made.append(
            _rows(
                company,
                np.array(at, dtype=np.int64),
                f"group.user_membership.{name}",
                np.full(len(chosen), _SYSTEM),
                np.array(user, dtype=np.int64),
                group=[str(g) for g in group],
            )
        )
    return made
