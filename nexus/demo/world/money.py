"""Runs the billing life of every account and numbers the invoices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nexus.demo.options import Options
from nexus.demo.rand import Streams
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.billing import CardLife
from nexus.demo.world.collection import invoice_prefix
from nexus.demo.world.decisions import Mind
from nexus.demo.world.ledger import Ledger
from nexus.demo.world.paypal_billing import PayPalLife


def make_ledger(options: Options, streams: Streams, accounts: Accounts, health: NDArray[np.float64]) -> Ledger:
    ledger = Ledger()
    for account in range(len(accounts)):
        mind = Mind(streams.get("mind", account), health[account], options.start)
        life = PayPalLife if accounts.is_paypal[account] else CardLife
        life(options, streams, accounts, account, ledger, mind).live()
    _number(ledger, streams, len(accounts))
    return ledger


def _number(ledger: Ledger, streams: Streams, accounts: int) -> None:
    """Numbers run without gaps within a customer, in the order of finalisation."""
    prefixes = [invoice_prefix(streams) for _ in range(accounts)]
    ledger.invoices.sort(key=lambda i: (i.finalized_at, i.id))
    used = [0] * accounts
    for invoice in ledger.invoices:
        used[invoice.account] += 1
        invoice.number = f"{prefixes[invoice.account]}-{used[invoice.account]:04d}"
