"""Puts the world together in the order of cause and effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nexus.demo.options import Options
from nexus.demo.rand import Ints, Streams
from nexus.demo.world.accounts import Accounts, make_accounts
from nexus.demo.world.files import Files, make_files
from nexus.demo.world.health import make_health
from nexus.demo.world.incidents import Incidents, make_incidents
from nexus.demo.world.ledger import Ledger
from nexus.demo.world.logins import Logins, make_logins, make_resets
from nexus.demo.world.mail import Mail, make_mail
from nexus.demo.world.money import make_ledger
from nexus.demo.world.users import Users, make_seats, make_users


@dataclass(frozen=True, slots=True)
class Company:
    """All that happened. The writers and the truth read it; nobody changes it."""

    options: Options
    streams: Streams
    accounts: Accounts
    health: NDArray[np.float64]
    ledger: Ledger
    seats: NDArray[np.int32]
    users: Users
    resets: tuple[Ints, Ints]
    mail: Mail
    logins: Logins
    files: Files
    incidents: Incidents


def make_company(options: Options, step: Callable[[str], None] = lambda _: None) -> Company:
    streams = Streams(options.seed)
    step("customers and their money")
    accounts = make_accounts(options, streams)
    health = make_health(options, streams, accounts)
    ledger = make_ledger(options, streams, accounts, health)
    step("users and mail")
    seats = make_seats(options, accounts, ledger)
    users = make_users(options, streams, accounts, seats)
    resets = make_resets(options, streams, users)
    mail = make_mail(options, streams, accounts, users, health, ledger, resets)
    step("sign-ins and files")
    logins = make_logins(options, streams, accounts, users, seats, health, mail)
    files = make_files(options, streams, accounts, users, logins, ledger)
    incidents = make_incidents(options, streams, users, files)
    return Company(options, streams, accounts, health, ledger, seats, users, resets, mail, logins, files, incidents)
