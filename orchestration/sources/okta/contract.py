"""The Okta source: System Log, users, groups, memberships: https://developer.okta.com/docs/api/.

Belongs here: tables and columns. Does not belong here: SQL (extract.py). Times are RFC 3339.
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, exact, flag, part, text
from orchestration.sources.okta import extract

LOG = Table(
    "okta", "log", nature="event", id="id", event_at="published_at", select=extract.LOG,
    description="One row per event of the System Log.",
    columns=columns(
        text("id", "uuid", "Okta's id of the event"),
        at("published_at", "published", "When it happened", required=True),
        text("event_type", "eventType", "user.session.start, group.user_membership.add, …", required=True),
        text("display_message", "displayMessage"),
        text("severity", None, "DEBUG, INFO, WARN or ERROR"),
        text("outcome_result", "outcome.result", "SUCCESS, FAILURE, CHALLENGE, SKIPPED, ALLOW, DENY, …"),
        text("outcome_reason", "outcome.reason", "INVALID_CREDENTIALS, VERIFICATION_ERROR, …"),
        text("actor_id", "actor.id", "Who did it; unknown for logins that nobody has"),
        text("actor_type", "actor.type", "User, SystemPrincipal, PublicClientApp, …"),
        text("actor_login", "actor.alternateId", "Login name or e-mail, as typed"),
        text("actor_name", "actor.displayName"),
        text("target_id", "target[0].id", "First target"),
        text("target_type", "target[0].type", "User, UserGroup, AppInstance, …"),
        text("target_login", "target[0].alternateId"),
        text("target_name", "target[0].displayName"),
        text("second_target_id", "target[1].id", "Second target: the group of a membership, say"),
        text("second_target_type", "target[1].type"),
        text("second_target_name", "target[1].displayName"),
        part("targets", "target", "All targets"),
        text("ip_address", "client.ipAddress"),
        text("user_agent", "client.userAgent.rawUserAgent"),
        text("browser", "client.userAgent.browser"),
        text("operating_system", "client.userAgent.os"),
        text("device", "client.device"),
        text("zone", "client.zone"),
        text("country", "client.geographicalContext.country", "As Okta writes it: a name or a code"),
        text("city", "client.geographicalContext.city"),
        exact("latitude", "client.geographicalContext.geolocation.lat"),
        exact("longitude", "client.geographicalContext.geolocation.lon"),
        text("session_id", "authenticationContext.externalSessionId"),
        text("credential_type", "authenticationContext.credentialType"),
        text("credential_provider", "authenticationContext.credentialProvider"),
        text("authentication_provider", "authenticationContext.authenticationProvider"),
        flag("is_proxy", "securityContext.isProxy"),
        text("isp", "securityContext.isp"),
        text("as_org", "securityContext.asOrg"),
        text("transaction_id", "transaction.id", "The same for all events of one request"),
        text("transaction_type", "transaction.type"),
        text("legacy_event_type", "legacyEventType"),
        part("debug_data", "debugContext.debugData"),
    ),
)  # fmt: skip

USER = Table(
    "okta", "user", nature="entity", id="id", version="updated_at", event_at="created_at", select=extract.USER,
    description="One row per user, newest version.",
    columns=columns(
        text("id", None, "00u…"),
        text("status", None, "STAGED, PROVISIONED, ACTIVE, SUSPENDED, DEPROVISIONED, …", required=True),
        at("created_at", "created", required=True),
        at("activated_at", "activated"),
        at("status_changed_at", "statusChanged"),
        at("last_login_at", "lastLogin"),
        at("updated_at", "lastUpdated"),
        at("password_changed_at", "passwordChanged"),
        text("login", "profile.login", "Unique in the organisation", required=True),
        text("email", "profile.email"),
        text("second_email", "profile.secondEmail"),
        text("first_name", "profile.firstName"),
        text("last_name", "profile.lastName"),
        text("display_name", "profile.displayName"),
        text("title", "profile.title"),
        text("department", "profile.department"),
        text("user_type", "profile.userType"),
        text("organization_name", "profile.organization"),
        text("customer_id", "profile.customerId", "Custom attribute: the customer's id at the payment provider"),
        text("country_code", "profile.countryCode", "ISO 3166-1 alpha-2"),
        text("mobile_phone", "profile.mobilePhone"),
        text("credential_provider", "credentials.provider.type"),
        part("factors", "_embedded.factors", "Enrolled factors, where the export embeds them"),
    ),
)  # fmt: skip

GROUP = Table(
    "okta", "group", nature="entity", id="id", version="changed_at", event_at="created_at", select=extract.GROUP,
    description="One row per group, newest version.",
    columns=columns(
        text("id", None, "00g…"),
        text("type", None, "OKTA_GROUP, APP_GROUP or BUILT_IN"),
        text("name", "profile.name", required=True),
        text("description", "profile.description"),
        at("created_at", "created"),
        at("updated_at", "lastUpdated"),
        at("membership_updated_at", "lastMembershipUpdated"),
        at("changed_at", "changed", "The later of the two"),
        flag("is_deleted", None, "The group is gone; null in exports, which do not tell"),
    ),
)  # fmt: skip

GROUP_MEMBER = Table(
    "okta", "group_member", nature="entity", id="id", select=extract.GROUP_MEMBER,
    description="One row per user and group, as of the newest export or pull that names the pair.",
    columns=columns(
        text("id", None, "Group id / user id"),
        text("group_id", None, required=True),
        text("user_id", None, required=True),
        flag("is_member", None, "False once the user has left; null in exports, which name members only"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="okta",
    title="Okta",
    description="System Log events, users, groups and memberships, as the API returns them.",
    owner="security",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    kind=extract.KIND,
    tables=(LOG, USER, GROUP, GROUP_MEMBER),
)
