"""The one error tree of Nexus.

    NexusError
    ├── InputError           the caller gave something that cannot be used      exit 2, HTTP 422
    │   ├── NotFoundError    what was named does not exist                      exit 3, HTTP 404
    │   └── ContractError    data of a type that its contract does not allow    exit 4, HTTP 422
    ├── ConflictError        somebody else holds it, or it exists already       exit 5, HTTP 409
    ├── GateError            a quality gate refused a candidate                 exit 6
    ├── MachineError         the machine lacks something (port, disk, server)   exit 7, HTTP 503
    └── ProviderError        a provider or the way to it fails for now          exit 8, HTTP 502

Whether trying again can help is a mixin, orthogonal to what went wrong: `Transient` or `Permanent`.
A message says what was tried, where, and what to do next. Edges (CLI, HTTP, Dagster) translate once.
"""

from __future__ import annotations


class Transient:
    """Mixin: the same call may succeed later."""


class Permanent:
    """Mixin: the same call fails again until something is changed."""


class NexusError(Exception):
    """Base of every error that Nexus raises on purpose. `remedy` is the next step for the reader."""

    exit_code = 1
    status = 500
    code = "internal"

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.remedy}" if self.remedy else self.message


class InputError(NexusError, Permanent):
    exit_code, status, code = 2, 422, "invalid_input"


class NotFoundError(InputError):
    exit_code, status, code = 3, 404, "not_found"


class ContractError(InputError):
    exit_code, status, code = 4, 422, "contract_broken"


class ConflictError(NexusError, Transient):
    exit_code, status, code = 5, 409, "conflict"


class GateError(NexusError, Permanent):
    exit_code, status, code = 6, 409, "gate_refused"


class MachineError(NexusError, Transient):
    exit_code, status, code = 7, 503, "machine"


class ProviderError(NexusError, Transient):
    exit_code, status, code = 8, 502, "provider_failed"
