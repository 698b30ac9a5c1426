"""An API whose operator lets webhooks go to 127.0.0.1, and a receiver there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.kernel import Kernel
from tests.api.webhooks.desk import Desk
from tests.nexus.egress.receiver import Receiver, receiving


@pytest.fixture
def desk(kernel: Kernel) -> Iterator[Desk]:
    yield Desk(kernel)
    # what a test leaves waiting is not another's
    kernel.sql(
        "update app.webhooks_delivery set state = 'failed', next_at = null, lease = null where state = 'pending'"
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server
