"""The Auth0 source: tenant logs and users: https://auth0.com/docs/api/management/v2.

Belongs here: tables and columns. Does not belong here: SQL (extract.py). Times are RFC 3339.
Types of log events: https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes.
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, exact, flag, part, text, whole
from orchestration.sources.auth0 import extract

LOG = Table(
    "auth0", "log", nature="event", id="id", event_at="logged_at", select=extract.LOG,
    description="One row per event of the tenant log.",
    columns=columns(
        text("id", "log_id", "Auth0's id of the event; what the API pages by"),
        at("logged_at", "date", "When it happened", required=True),
        text("type", None, "s success login, fp wrong password, fu unknown user, slo logout, sapi operation, …", required=True),
        text("description", None, "Why, or what was done"),
        text("connection", None, "Where users are kept: Username-Password-Authentication, google-oauth2, …"),
        text("connection_id"),
        text("client_id", None, "Application"),
        text("client_name"),
        text("ip_address", "ip"),
        text("user_agent"),
        text("user_id", None, "auth0|…; missing for logins that nobody has"),
        text("user_name", None, "Login name or e-mail, as typed"),
        text("strategy"),
        text("strategy_type"),
        text("audience"),
        text("hostname"),
        text("organization_id"),
        text("organization_name"),
        text("session_id", "details.session_id"),
        flag("is_mobile", "isMobile"),
        text("country_code", "location_info.country_code", "ISO 3166-1 alpha-2, where Auth0 tells"),
        text("country_name", "location_info.country_name"),
        text("city", "location_info.city_name"),
        exact("latitude", "location_info.latitude"),
        exact("longitude", "location_info.longitude"),
        text("request_method", "details.request.method", "Of an operation of the Management API"),
        text("request_path", "path"),
        text("request_user_id", "path_user_id", "User inside the path of an operation"),
        text("actor_id", "details.request.auth.user.user_id", "Administrator who did the operation"),
        text("actor_email", "details.request.auth.user.email"),
        whole("response_status_code", "details.response.statusCode"),
        part("details"),
    ),
)  # fmt: skip

USER = Table(
    "auth0", "user", nature="entity", id="id", version="updated_at", event_at="created_at", select=extract.USER,
    description="One row per user, newest version.",
    columns=columns(
        text("id", "user_id", "auth0|…, google-oauth2|…"),
        text("email"),
        flag("is_email_verified", "email_verified"),
        text("username"),
        text("phone_number"),
        text("name"),
        text("given_name"),
        text("family_name"),
        text("nickname"),
        at("created_at", required=True),
        at("updated_at"),
        at("last_login_at", "last_login"),
        at("password_changed_at", "last_password_reset"),
        text("last_ip_address", "last_ip"),
        whole("login_count", "logins_count"),
        flag("is_blocked", "blocked"),
        text("customer_id", None, "app_metadata.customerId: the customer's id at the payment provider"),
        text("organization_name", "organization", "app_metadata.organization"),
        text("user_type", "app_metadata.role"),
        part("identities"),
        part("multifactor", None, "Second factors that the user has"),
        part("app_metadata"),
        part("user_metadata"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="auth0",
    title="Auth0",
    description="Tenant log events and users, as the Management API, log streams and user exports write them.",
    owner="security",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    unwrap=extract.UNWRAP,
    kind=extract.KIND,
    tables=(LOG, USER),
)
