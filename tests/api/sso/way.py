"""The way to a provider that speaks OpenID Connect, and back: what tests of what comes of it share."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.api.identity.people import Browser
from tests.api.sso.house import House, said
from tests.api.sso.provider import CLIENT, SECRET, Provider


class Way:
    """A connection to the provider, and browsers that go there and come back."""

    def __init__(self, house: House, provider: Provider, **more: Any) -> None:
        self.house, self.provider = house, provider
        oidc = {"issuer": provider.address, "client_id": CLIENT, "client_secret": SECRET}
        self.row = house.connect(oidc=oidc, **more)
        # what was read of the provider before it was changed
        house.kernel.app.state.sso_providers._known.clear()

    def begin(self, browser: Browser, **asked: str) -> dict[str, str]:
        """What the browser is to say to the provider."""
        answer = browser.get(f"/signin/sso/{self.row['id']}", params=asked)
        assert answer.status_code == 303, answer.text
        where = answer.headers["location"]
        assert where.startswith(f"{self.provider.address}/authorize?"), where
        sent = said(where)
        self.provider.nonce, self.provider.challenge = sent["nonce"], sent["code_challenge"]
        return sent

    def back(self, browser: Browser, sent: dict[str, str], **answer: str | None) -> Any:
        whole = {"code": "a-code", "state": sent["state"], "iss": self.provider.address, **answer}
        query = urlencode({k: v for k, v in whole.items() if v is not None})
        return browser.get(f"/signin/sso/{self.row['id']}/callback?{query}")

    def through(self, browser: Browser | None = None, **asked: str) -> tuple[Browser, Any]:
        browser = browser or self.house.browser()
        return browser, self.back(browser, self.begin(browser, **asked))

    def refused(self) -> str:
        """Why the next sign-in opens nothing."""
        browser, answer = self.through()
        assert answer.status_code == 403, answer.text
        assert "nexus_session" not in browser.cookies
        return self.house.refusals()[-1]


def says(provider: Provider, email: str, **more: Any) -> None:
    """Whom the provider names from now on."""
    provider.person = {"sub": f"up-{email}", "email": email, "email_verified": True, "name": "Ada Example", **more}
