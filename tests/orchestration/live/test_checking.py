"""What is said of connections before any pull: at the start (`nexus doctor`), and by *test connection*."""

from __future__ import annotations

import httpx
import pytest

from nexus.connections import folder
from nexus.doctor import Finding
from nexus.settings import Settings
from orchestration import doctor
from orchestration.live.checking import check
from tests.orchestration.live.conftest import Connect


def _told(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    return {f.subject: (f.level, f"{f.message} → {f.remedy}") for f in findings}


def test_doctor_says_of_every_connection_whether_it_could_be_opened(settings: Settings, connect: Connect) -> None:
    connect("stripe", secrets={"api_key": "sk_test_hidden"}, streams=["customer", "invoice"])
    connect("typing", source="stripe", api_key="env:TEST_API_KEY", streams=["customer", "invoces"])
    connect("unset", source="stripe", api_key="env:NOWHERE_TO_BE_FOUND")
    connect("strange", source="stripe", api_key="env:TEST_API_KEY", colour="red")
    connect("exports", source="http_access")
    (folder(settings) / "other.yml").write_text("- no names\n")
    told = _told(doctor.checks(settings))
    assert told["connection acme/stripe"] == ("ok", "stripe, configured → ")
    level, text = told["connection acme/typing"]
    assert (level, "no stream 'invoces'; it has: event, customer" in text or text) == ("fail", True)
    assert "`streams` of connection 'typing'" in text
    for name, why in {
        "unset": "the environment variable NOWHERE_TO_BE_FOUND is not set", "strange": "colour",
        "exports": "it reads exports only",
    }.items():  # fmt: skip
        level, text = told[f"connection acme/{name}"]
        assert (level, why in text or text) == ("fail", True)
    assert told["connections of other"][0] == "fail"
    assert len(told) == 6
    assert "sk_test_hidden" not in str(told)


def test_nothing_configured_is_nothing_to_say(settings: Settings) -> None:
    assert doctor.checks(settings) == []


def test_the_webhook_says_where_to_post_to_and_that_no_name_is_public(settings: Settings, connect: Connect) -> None:
    secrets = {"webhook_password": "hidden-too"}
    mark = connect("mark", secrets=secrets, source="email_events", provider="postmark", webhook_user="nexus")
    path = "/v1/sources/email_events/webhook?workspace=acme&connection=mark"
    level, text = _told(check(settings, mark))["webhook"]
    assert level == "warn"
    assert "NEXUS_WEBHOOK_HOSTS" in text
    assert f"https://NAME{path}" in text
    public = settings.model_copy(update={"webhook_hosts": "hooks.acme.example, post.acme.example"})
    level, text = _told(check(public, mark))["webhook"]
    assert level == "ok"
    assert f"https://hooks.acme.example{path} or https://post.acme.example{path}" in text
    assert "hidden-too" not in text


@pytest.mark.parametrize("options", [{"streams": ["customer"]}, {"streams": ["custmer"]}], ids=["known", "unknown"])
def test_streams_are_tested_and_who_takes_no_webhook_hears_of_none(
    settings: Settings, connect: Connect, options: dict[str, list[str]]
) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json={"object": "list", "data": []}))
    told = _told(check(settings, connect("stripe", secrets={"api_key": "sk_test_1"}, **options), answers))
    assert "webhook" not in told
    assert told.get("streams", ("ok",))[0] == ("ok" if options["streams"] == ["customer"] else "fail")
    assert told["customers"][0] == "ok"
