"""An organisation with a user, their browser, and applications that are registered over the API."""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from api.identity.directory import Person
from api.organisations.models import Member
from nexus.ids import new_id
from tests.api.identity import people
from tests.api.kernel import TLS, Kernel
from tests.api.organisations.company import Company

BACK = "http://127.0.0.1:7777/cb"
PROFILE = "openid profile email"
HTTP = {"verify": TLS, "timeout": 20}
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Browser(httpx.Client):
    """A browser in which somebody is signed in. Follows nothing by itself."""

    def __init__(
        self, kernel: Kernel, person: Person | None, methods: frozenset[str] = frozenset({"pwd"}),
        realm: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(base_url=kernel.address, follow_redirects=False, **HTTP)
        # closed with the kernel
        kernel._callers.append(self)
        self.session_id = ""
        if person:
            self.session_id, secret = people.within(
                kernel.settings,
                lambda s: people.sessions.start(
                    s, person.id, people.HERE, people.Lifetimes.of(kernel.settings), methods, realm=realm
                ),
            )
            self.cookies.set("nexus_session", secret, domain="127.0.0.1")

    def press(self, page: httpx.Response, button: str) -> httpx.Response:
        """Sends the form of a page by one of its buttons."""
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert action, page.text
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        data = {name: html.unescape(value) for name, value in fields}
        return self.post(html.unescape(action[1]), data={**data, "decision": button})


@dataclass
class App:
    """A registered application and its stock client."""

    house: House
    id: str
    secret: str | None
    said: dict[str, Any]

    def client(self, **more: Any) -> OAuth2Client:
        method = "none" if self.secret is None else self.said.get("token_endpoint_auth_method", "client_secret_basic")
        found = OAuth2Client(
            self.id, self.secret, **{"scope": PROFILE, "redirect_uri": BACK, **more},
            token_endpoint_auth_method=method, code_challenge_method="S256", verify=TLS,
        )  # fmt: skip
        self.house.clients.append(found)
        return found

    def signed_in(self, browser: Browser | None = None, **asked: Any) -> tuple[OAuth2Client, dict[str, Any]]:
        """The whole flow, as any client does it: its token, by code and PKCE."""
        scope = asked.pop("scope", PROFILE)
        client = self.client(scope=scope)
        verifier = secrets.token_urlsafe(40)
        where, state = client.create_authorization_url(self.house.at("authorize"), code_verifier=verifier, **asked)
        back = self.house.allowed(where, browser)
        assert back.startswith(BACK), back
        token = client.fetch_token(
            self.house.at("token"), authorization_response=back, state=state, code_verifier=verifier
        )
        return client, dict(token)

    def code(self, browser: Browser | None = None, **asked: Any) -> tuple[str, str]:
        """A code that is still to be used, and its verifier."""
        verifier = secrets.token_urlsafe(40)
        where, _ = self.client(scope=asked.pop("scope", PROFILE)).create_authorization_url(
            self.house.at("authorize"), code_verifier=verifier, **asked
        )
        return said(self.house.allowed(where, browser))["code"], verifier

    def redeem(self, code: str, verifier: str, **more: str) -> httpx.Response:
        body = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": BACK}
        return self.post("token", **{**body, **more})

    def post(self, endpoint: str, **body: str) -> httpx.Response:
        """Posts as this client."""
        auth = (self.id, self.secret) if self.secret else None
        if auth is None:
            body = {"client_id": self.id, **body}
        return httpx.post(self.house.at(endpoint), data=body, auth=auth, **HTTP)


class House:
    """`person` is an owner of the organisation, `browser` is theirs."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.company = Company(kernel)
        self.person = self.somebody("owner")
        self.browser = Browser(kernel, self.person)
        self.admin = kernel.caller(organisation=self.company.id, workspaces=[self.company.one, self.company.two])
        self.clients: list[httpx.Client] = []

    def somebody(self, role: str = "viewer") -> Person:
        """A person who is a member of the organisation."""
        person = people.make(self.kernel, email_verified=True)
        self.company.give((role, "*"), member_id=self.joined(person).id)
        return person

    def joined(self, person: Person) -> Member:
        """The person as a member without a role."""
        member = Member(id=new_id("mem"), organisation_id=self.company.id, user_id=person.id)
        self.company.add(member)
        return member

    def app(self, **more: Any) -> App:
        said = {
            "name": "Notebook",
            "redirect_uris": [BACK],
            "scopes": [*PROFILE.split(), "offline_access", "nexus"],
            **more,
        }
        answer = self.admin.post("/v1/oidc/clients", json=said)
        assert answer.status_code == 201, answer.text
        return App(self, answer.json()["client_id"], answer.json()["client_secret"], said)

    def at(self, endpoint: str) -> str:
        return f"{self.kernel.address}/oidc/{endpoint}"

    def allowed(self, where: str, browser: Browser | None = None) -> str:
        """Where the browser is sent once its user has allowed what they are asked."""
        browser = browser or self.browser
        answer = browser.get(where)
        if answer.status_code == 200:
            answer = browser.press(answer, "allow")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def claims(self, token: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(httpx.get(self.at("jwks"), **HTTP).json())
        return dict(jwt.decode(token, keys, ["ES256", "RS256"]).claims)

    def api(self, token: str, path: str = "/v1/models", workspace: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "X-Nexus-Workspace": workspace or self.company.one}
        return httpx.get(self.kernel.address + path, headers=headers, **HTTP)

    def post(self, token: str, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(self.kernel.address + path, json=body, headers=headers, **HTTP)

    def close(self) -> None:
        for client in self.clients:
            client.close()


def said(address: str) -> dict[str, str]:
    """Parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
