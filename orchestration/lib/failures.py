"""Errors of Nexus as Dagster understands them: translated once, at this edge.

Belongs here: the rule that only what can help is tried again. Does not belong here: the errors (nexus/errors.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure, MetadataValue, RetryRequested

from nexus.errors import NexusError, Transient
from nexus.trouble import machine_error

RETRIES = 3
_FIRST_PAUSE = 2.0  # seconds; doubled each time


@contextmanager
def translated(retry_number: int = 0) -> Iterator[None]:
    """Raises RetryRequested for a Transient error, a Failure that is not retried for any other of Nexus.

    What is no NexusError and no trouble of the machine is a fault of the program: it passes unchanged, with its traceback, and is not retried.
    """
    try:
        with _recognised():
            yield
    except NexusError as error:
        if isinstance(error, Transient) and retry_number < RETRIES:
            raise RetryRequested(max_retries=RETRIES, seconds_to_wait=_FIRST_PAUSE * 2**retry_number) from error
        raise Failure(
            description=error.message,
            metadata={
                "error": MetadataValue.text(f"{type(error).__module__}.{type(error).__name__}"),
                "what to do": MetadataValue.text(error.remedy or ""),
            },
            allow_retries=False,
        ) from error


@contextmanager
def _recognised() -> Iterator[None]:
    """A full disk or a server that went away is a MachineError, whichever library met it."""
    try:
        yield
    except NexusError:
        raise
    except Exception as error:
        if found := machine_error(error):
            raise found from error
        raise
