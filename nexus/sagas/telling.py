"""What becomes of sagas, as events: `sagas.saga.…` (api/sagas/events.py).

Belongs here: which event tells of a state. Does not belong here: their forms.
"""

from __future__ import annotations

from typing import Any

from nexus.db import Session
from nexus.events import known
from nexus.sagas.models import SagaRow


def tell(session: Session, happened: str, saga: SagaRow, **more: Any) -> None:
    """Records `sagas.saga.<happened>` of a saga whose tenant the transaction acts for."""
    form = known()[f"sagas.saga.{happened}"]
    session.record(form.model_validate({"saga_id": saga.id, "name": saga.name, **more}))
