"""Settings that cannot be used are named at once, without their values; addresses hold whatever host there is."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nexus.errors import InputError
from nexus.ports import free_port, holder
from nexus.services import Service
from nexus.settings import Settings, get_settings
from nexus.telemetry.otlp import Exporter, headers


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_every_wrong_setting_is_named_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXUS_SEALING_KEY", "much-too-short")
    monkeypatch.setenv("NEXUS_OTLP_ENDPOINT", "ftp://somebody:word@collector")
    with pytest.raises(InputError) as caught:
        get_settings()
    text = str(caught.value)
    assert "NEXUS_SEALING_KEY: Value should have at least 32 items" in text
    assert "NEXUS_OTLP_ENDPOINT: String should match pattern" in text
    assert "(collector of traces" in text
    assert "much-too-short" not in text
    assert "word" not in text


def test_a_command_under_a_wrong_setting_says_so_in_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXUS_API_PORT", "three thousand")
    ran = subprocess.run([sys.executable, "-m", "nexus", "doctor"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == InputError.exit_code
    assert "NEXUS_API_PORT: Input should be a valid integer" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "three thousand" not in ran.stderr


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "http://127.0.0.1:7"), ("::1", "http://[::1]:7")])
def test_an_ipv6_address_stands_in_brackets(host: str, address: str) -> None:
    settings = Settings(host=host, api_port=7, streamlit_port=7)
    assert settings.address == settings.dashboards_address == address
    assert Service("web", ("true",), "test", port=7, page="/x").url(settings) == address + "/x"


def test_a_port_of_an_ipv6_address_is_free_or_held() -> None:
    try:
        port = free_port("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert holder("::1", port) is None
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        assert holder("::1", port) is not None


def test_headers_of_a_collector_are_read_as_opentelemetry_writes_them() -> None:
    assert headers("api-key=a%20b%2C%3D, x-team=7,") == {"api-key": "a b,=", "x-team": "7"}
    assert headers("") == {}
    assert Exporter.of(Settings()) is None


@pytest.mark.parametrize("said", ["secret", "a b=secret", "key=secret%0d%0aX: 1", "=secret", "key="])
def test_headers_that_cannot_be_sent_are_refused_without_being_shown(said: str) -> None:
    with pytest.raises(InputError, match="NEXUS_OTLP_HEADERS") as caught:
        headers(said)
    assert "secret" not in str(caught.value)
