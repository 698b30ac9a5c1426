"""Every setting of Nexus, read once from the environment (`NEXUS_…`).

Belongs here: names, defaults and units of settings, and the paths derived from `home`.
Does not belong here: reading `os.environ` anywhere else in the project.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from nexus.errors import InputError

PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "NEXUS_"


class Settings(BaseSettings):
    """Immutable settings of one process. Tests build their own with `Settings(home=…)`."""

    # a value that is refused may be a secret that was put beside its place
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(default=PROJECT / ".nexus", description="folder of all data and state of this machine")
    database_url: SecretStr | None = Field(
        default=None, description="any PostgreSQL 15+; without it the embedded server under `home` is used"
    )
    api_database_url: SecretStr | None = Field(
        default=None,
        description="the same server for requests, as a login that owns nothing and is a member of nexus_api; "
        "without it the API takes on that role itself",
    )
    warehouse: str = Field(default="duckdb", pattern="^(duckdb|postgres)$", description="engine of the warehouse")
    workspace: str = Field(default="demo", description="workspace that commands act on unless --workspace is given")
    host: str = "127.0.0.1"
    api_port: int = 3000
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/?#\s@]+)?$",
        description="address under which browsers and clients reach the API, and issuer of its tokens; "
        "without it http://<host>:<api_port>",
    )
    sealing_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="what seals secrets in the database, when several machines share one; "
        "without it secrets/sealing.key under `home`",
    )
    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="collector of traces (OTLP over HTTP, such as http://127.0.0.1:4318); without it they are kept in PostgreSQL",
    )
    otlp_headers: SecretStr | None = Field(
        default=None,
        description="headers that the collector asks for, as name=value separated by commas; values percent-encoded",
    )
    log_format: str = Field(default="json", pattern="^(json|text)$", description="of the API and the worker")
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis in which replicas count their limits together; without it each counts for itself",
    )
    webhook_hosts: str = Field(
        default="",
        description="public names, separated by commas, under which POST /v1/sources/…/webhook alone is answered",
    )
    proxies: str = Field(
        default="",
        description="networks, separated by commas, of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; "
        "such as 127.0.0.1/32",
    )
    events_kept: timedelta = Field(
        default=timedelta(days=365),
        ge=timedelta(days=7),
        description="age at which an event may leave the log, once every consumer and the lake have it",
    )
    inbox_kept: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(days=1),
        description="for so long a message that comes again is recognised",
    )
    webhook_log_kept: timedelta = Field(
        default=timedelta(days=30), ge=timedelta(days=7), description="for so long it can be seen how webhooks went"
    )
    egress_allow: str = Field(
        default="",
        description="networks, separated by commas, to which tenants' webhooks and the like may go although they are not "
        "public, by http too; such as 10.1.0.0/16",
    )
    egress_refuse: str = Field(
        default="",
        description="public networks to which they may not go, such as an operator's own; stronger than allow",
    )
    egress_ports: str = Field(
        default="80,443,8080,8443",
        pattern=r"^\d{1,5}(-\d{1,5})?(\s*,\s*\d{1,5}(-\d{1,5})?)*$",
        description="ports to which they may go; ranges with a hyphen",
    )
    egress_ca_file: Path | None = Field(
        default=None, description="certificate authorities (PEM) that they trust besides the public ones"
    )
    dagster_port: int = 3001
    streamlit_port: int = 3002
    mlflow_port: int = 3012
    dashboards_url: str = Field(
        default="",
        pattern=r"^(https?://[^/?#\s@]+)?$",
        description="address under which browsers reach the dashboards; without it http://<host>:<streamlit_port>",
    )
    dashboards_sign_in: bool = Field(
        default=True, description="without it, whoever reaches the port of the dashboards sees every workspace"
    )
    session_idle: timedelta = Field(default=timedelta(hours=12), description="a browser so long unused is signed out")
    session_absolute: timedelta = Field(
        default=timedelta(days=7), description="a browser is signed out so long after it was signed in, used or not"
    )
    session_most: int = Field(default=10, ge=1, description="browsers in which one user can be signed in at once")
    session_overflow: str = Field(
        default="end_oldest",
        pattern="^(end_oldest|refuse)$",
        description="what one more does: end the oldest, or be refused",
    )
    password_least: int = Field(default=15, ge=8, le=64, description="characters of a password (NIST SP 800-63B-4)")
    breached_passwords_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="a range API in the form of Have I Been Pwned's, asked about new passwords besides the bundled list",
    )
    keep_versions: int = Field(default=10, ge=2, description="published warehouse versions kept readable")
    duckdb_memory_limit: str = "2GB"
    log_level: str = "INFO"

    @property
    def inner_host(self) -> str:
        """Where services listen that ask nobody who they are: on this machine alone, whatever `host` says."""
        return self.host if _is_loopback(self.host) else "127.0.0.1"

    @property
    def address(self) -> str:
        """Where browsers and clients reach the API; never with a slash at the end."""
        return self.public_url or url_at(self.host, self.api_port)

    @property
    def dashboards_address(self) -> str:
        """Where browsers reach the dashboards; never with a slash at the end."""
        return self.dashboards_url or url_at(self.host, self.streamlit_port)

    @property
    def dashboards_secrets(self) -> Path:
        """How the dashboards sign people in (api/dashboards/first_start.py writes it)."""
        return self.home / "secrets" / "dashboards.toml"

    @property
    def lake(self) -> Path:
        """Immutable Parquet batches and quarantine."""
        return self.home / "lake"

    @property
    def warehouse_dir(self) -> Path:
        """Private build file and published versions."""
        return self.home / "warehouse"

    @property
    def run_dir(self) -> Path:
        """Pids, locks and sockets of running services."""
        return self.home / "run"

    @property
    def log_dir(self) -> Path:
        return self.home / "logs"


def url_at(host: str, port: int) -> str:
    """Address of a service without TLS. An IPv6 address stands in brackets there (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Settings of this process; call `get_settings.cache_clear()` after changing the environment in a test.

    Raises InputError, which names every setting that cannot be used, and none of their values.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = [_said(str(found["loc"][0]), found["msg"]) for found in error.errors(include_input=False)]
        raise InputError(
            "the environment holds settings that cannot be used:\n  " + "\n  ".join(wrong),
            remedy="correct or unset them; nothing was started",
        ) from None


def _said(name: str, what: str) -> str:
    meant = Settings.model_fields[name].description
    return f"{PREFIX}{name.upper()}: {what}" + (f" ({meant})" if meant else "")
