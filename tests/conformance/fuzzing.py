"""Every endpoint of a running API, fuzzed from its own OpenAPI document by Schemathesis.

Belongs here: what is generated, what must hold, how a failure is told. Does not belong here: what is fuzzed
(`python -m tests.conformance`: a running Nexus; tests/api/test_fuzzed.py: the application of the tests).

No answer is a 5xx, but 502 and 503 of the endpoints that stand on something which may be away (tests/api/away.py); each has a
status, a media type and a body that the document names; 405 says in `Allow` what is possible; without the credential nothing is answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from tests.api.away import AWAY
from tests.conformance.places import Place

PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: What applications call in their own name.
OF_CLIENTS = ["/oidc/token", "/oidc/revoke", "/oidc/introspect", "/oidc/device_authorization"]
#: Statuses by which a well-formed request may be refused for what there is, or is not, at this moment.
_REFUSED = ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "422", "429"]
_OURS = ["2xx", "3xx", "4xx"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is asked. The same seed asks the same."""

    phases: Collection[str] = PHASES
    examples: int = 10
    workers: int = 2
    seed: int = 20_261_127
    #: a regular expression of the paths that are asked
    only: str | None = None

    def config(self, place: Place) -> SchemathesisConfig:
        said = {
            "seed": self.seed,
            "base-url": place.address,
            "workers": self.workers,
            "headers": {"X-Nexus-Workspace": place.workspace},
            "request-timeout": 30,
            "generation": {
                "max-examples": self.examples,
                "deterministic": True,
                "database": "none",
                "no-shrink": False,
            },
            # SCIM asks a service to be liberal, and Okta and Entra ID need it (api/scim/provider.py): what departs from the
            # schemas may be taken; how it is answered must be described all the same
            "operations": [
                {"include-path-regex": "^/scim/", "checks": {"negative_data_rejection": {"enabled": False}}},
                *(_with(route, statuses) for route, statuses in AWAY.items()),
                *([{"exclude-path-regex": self.only, "enabled": False}] if self.only else []),
            ],
            "phases": {name: {"enabled": name in self.phases} for name in PHASES},
            "checks": {
                "not_a_server_error": {"expected-statuses": _OURS},
                "positive_data_acceptance": {"expected-statuses": _REFUSED},
            },
        }
        return SchemathesisConfig.from_dict(said)


def _with(route: str, statuses: Collection[int]) -> dict[str, Any]:
    """What one endpoint may answer beside what all may."""
    more = [str(status) for status in statuses]
    return {
        "include-name-regex": f"^{route}$",
        "checks": {
            "not_a_server_error": {"expected-statuses": [*_OURS, *more]},
            "positive_data_acceptance": {"expected-statuses": [*_REFUSED, *more]},
        },
    }


@dataclass(slots=True)
class Told:
    """What came of it: requests sent, operations asked, failures each with the command that sends it again."""

    requests: int = 0
    operations: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)


def fuzz(place: Place, profile: Profile) -> Told:
    """Asks everything that the document of `place` offers."""
    schema = schemathesis.openapi.from_url(f"{place.address}/openapi.json", config=profile.config(place))

    client = place.client()

    @schema.auth().apply_to(path=OF_CLIENTS)
    class Basic:
        def get(self, case: Any, context: Any) -> str:
            return client

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Basic {data}"

    @schema.auth(retry_on=[401]).skip_for(path=OF_CLIENTS)
    class Bearer:
        def get(self, case: Any, context: Any) -> str:
            return place.opened()

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    told = Told()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            told.requests += len(event.recorder.interactions)
            told.operations |= {case.value.operation.label for case in event.recorder.cases.values()}
            for name, text in _failures(event.recorder):
                told.failures.setdefault(name, text)
        elif isinstance(event, events.NonFatalError):
            told.failures.setdefault(f"{event.label}: {event.info.title}", str(event.value))
        elif isinstance(event, events.FatalError):
            raise event.exception
    return told


def _failures(recorder: Any) -> Iterator[tuple[str, str]]:
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                answer = recorder.interactions[case].response
                said = answer.content[:2000].decode(errors="replace") if answer is not None else "no answer"
                label = recorder.cases[case].value.operation.label
                yield (
                    f"{label}: {failure.title}",
                    f"{failure.message}\n{check.failure_info.code_sample}\n→ {getattr(answer, 'status_code', '')} {said}",
                )
