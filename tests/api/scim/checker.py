"""scim2-tester against a Nexus that runs, and a client for it: `python -m tests.api.scim.checker http://127.0.0.1:3000 nxk_…`.

The token is a key with `scim.provision` of an organisation in which people and groups may come and go.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx
from scim2_client.client import BaseSyncSCIMClient, RawResponse
from scim2_tester import CheckResult, Status, check_server

PATH = "/scim/v2/"
#: Not what they should be; skipped checks are of what the service says that it cannot do.
BAD = {Status.ERROR, Status.CRITICAL, Status.DEVIATION}


class Client(BaseSyncSCIMClient):
    """scim2-client over httpx."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__()
        self.http = httpx.Client(
            base_url=address.rstrip("/") + PATH, headers={"Authorization": f"Bearer {token}"}, timeout=20
        )

        self._gone: dict[str, httpx.Response] = {}

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return str(self.http.build_request("GET", endpoint).url).startswith(str(self.http.base_url))

    def _parse_json(self, response: RawResponse) -> Any:
        assert isinstance(response, httpx.Response)
        return response.json()

    def request(self, method: str, url: str, **said: Any) -> httpx.Response:
        """After every check the tester removes once more whatever it has ever made: the second 404 answers all later ones."""
        if method == "DELETE" and url in self._gone:
            return self._gone[url]
        answer = self.http.request(method, url.lstrip("/"), **said)
        if method == "DELETE" and answer.status_code == 404:
            self._gone[url] = answer
        return answer


def check(address: str, token: str) -> list[CheckResult]:
    """Every check, in the order in which they were made."""
    client = Client(address, token)
    with client.http:
        return check_server(client)


def bad(results: list[CheckResult]) -> list[str]:
    """What is wrong, one line each."""
    return [f"{r.status.name} {r.resource_type or ''} {r.title}: {r.reason}" for r in results if r.status in BAD]


def main(address: str, token: str) -> int:
    results = check(address, token)
    wrong = bad(results)
    print(*wrong, sep="\n")
    print(f"scim2-tester: {len(results)} checks, {len(wrong)} not passed")
    return 1 if wrong or not results else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
