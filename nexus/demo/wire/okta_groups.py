"""Okta groups of the company: membership follows the plan of the account and the role of the user."""

from __future__ import annotations

import numpy as np

from nexus.demo.catalog import SEAT_TIERS
from nexus.demo.world.company import Company
from nexus.demo.world.users import NEVER

GROUPS = {
    "everyone": ("00gEveryone000000001", "Everyone", "All users in your organization"),
    "starter": ("00gQhStarter00000001", "plan-starter", "Users of accounts on Starter"),
    "team": ("00gQhTeam00000000001", "plan-team", "Users of accounts on Team"),
    "business": ("00gQhBusiness0000001", "plan-business", "Users of accounts on Business"),
    "admins": ("00gQhAdmins000000001", "account-admins", "May manage users and billing of their account"),
}


def memberships(company: Company) -> list[tuple[int, int, str, int]]:
    """(at, user, group, +1 or −1), in no order."""
    users, options = company.users, company.options
    plans = _plans(company)
    found: list[tuple[int, int, str, int]] = []
    for user in range(len(users)):
        since, until = int(users.invited_at[user]), min(int(users.left_at[user]), options.end)
        steps = plans[int(users.account[user])]
        now = [tier for at, tier in steps if at <= since][-1:] or [steps[0][1]]
        found.append((since + 1, user, now[0], 1))
        for at, tier in steps:
            if since < at < until and tier != now[-1]:
                found += [(at + 20, user, now[-1], -1), (at + 21, user, tier, 1)]
                now.append(tier)
        if users.left_at[user] < NEVER:
            found.append((until, user, now[-1], -1))
        if users.admin_at[user] < NEVER:
            found.append((int(users.admin_at[user]) + 2, user, "admins", 1))
            if users.left_at[user] < NEVER:
                found.append((until, user, "admins", -1))
    return found


def _plans(company: Company) -> list[list[tuple[int, str]]]:
    """Since when each account is on which plan."""
    steps = [[(0, SEAT_TIERS[t])] for t in company.accounts.tier.tolist()]
    for sub in company.ledger.subscriptions:
        for change in sub.changes:
            if change.items[0].price.tier != steps[sub.account][-1][1]:
                steps[sub.account].append((change.at, change.items[0].price.tier))
    return steps


def members(company: Company) -> list[tuple[str, int]]:
    """Who is in which group when the window closes; Everyone is whoever is not deprovisioned."""
    state: dict[tuple[str, int], int] = {}
    for at, user, group, sign in sorted(memberships(company)):
        if at < company.options.end:
            state[group, user] = sign
    held = [key for key, sign in state.items() if sign > 0]
    held += [("everyone", u) for u in np.flatnonzero(company.users.left_at == NEVER).tolist()]
    return sorted(held, key=lambda key: (list(GROUPS).index(key[0]), key[1]))
