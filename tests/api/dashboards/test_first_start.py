"""The dashboards' registration: made once, mended when settings or files change, its secret only in a file of one owner."""

from __future__ import annotations

import stat
import threading
import tomllib
from typing import Any

from pydantic import SecretStr

from api.dashboards import first_start
from api.kernel.permissions import catalogue
from api.oidc import tokens
from apps.streamlit.components import page
from nexus.settings import Settings
from tests.api.kernel import Kernel


def told(settings: Settings) -> dict[str, Any]:
    first_start.run(settings)
    found: dict[str, Any] = tomllib.loads(settings.dashboards_secrets.read_text())["auth"]
    return found


def test_one_application_however_often_it_starts(kernel: Kernel) -> None:
    here = kernel.settings
    threads = [threading.Thread(target=first_start.run, args=(here,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = told(here)
    assert told(here) == first
    assert stat.S_IMODE(here.dashboards_secrets.stat().st_mode) == 0o600
    rows = "select id, secret_hash, redirect_uris from app.oidc_client where name = %s"
    assert kernel.sql(rows, first_start.NAME) == [
        (first["client_id"], tokens.hashed(first["client_secret"]), [f"{here.dashboards_address}/oauth2callback"])
    ]

    moved = told(here.model_copy(update={"dashboards_url": "https://figures.example"}))
    assert moved["redirect_uri"] == "https://figures.example/oauth2callback"
    assert kernel.sql(rows, first_start.NAME)[0][2] == [moved["redirect_uri"]]
    assert (moved["client_secret"], moved["cookie_secret"]) == (first["client_secret"], first["cookie_secret"])

    # of another machine over this database with this key, and after the file was lost: the same
    here.dashboards_secrets.unlink()
    assert told(here) == first
    rotated = told(here.model_copy(update={"sealing_key": SecretStr("k" * 40)}))
    assert rotated["client_id"] == first["client_id"]
    assert {rotated[n] == first[n] for n in ("client_secret", "cookie_secret")} == {False}
    assert kernel.sql(rows, first_start.NAME)[0][1] == tokens.hashed(rotated["client_secret"])
    assert told(here) == first


def test_every_page_needs_a_permission_that_there_is(kernel: Kernel) -> None:
    known = catalogue()
    for name, module in page.discover().items():
        assert known[module.PAGE.needs].scope == "workspace", name
        assert module.PAGE.needs in first_start.SCOPES, (
            f"{name}: a sign-in of the dashboards never has {module.PAGE.needs}"
        )
