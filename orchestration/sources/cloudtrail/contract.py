"""The CloudTrail source: one record for each call of an AWS API, sign-in or event of a service.

Belongs here: the table and its columns. Does not belong here: SQL (extract.py). Times are RFC 3339 in UTC.
Fields: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import at, columns, flag, part, text
from orchestration.sources.cloudtrail import extract

EVENT = Table(
    # AWS delivers a record at least once; a trail of the organisation and one of the account deliver the same one twice
    "cloudtrail", "event", nature="event", id="id", event_at="occurred_at", select=extract.EVENT,
    description="One row per record of the trail: a call of an AWS API, a sign-in, or an event of a service.",
    columns=columns(
        text("id", "eventID", "AWS's id of the record"),
        at("occurred_at", "eventTime", "When the call was finished", required=True),
        text("event_source", "eventSource", "Service that was called: iam.amazonaws.com, …", required=True),
        text("event_name", "eventName", "What was asked of it: CreateUser, ConsoleLogin, …", required=True),
        text("event_type", "eventType", "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn, AwsConsoleAction, …"),
        text("event_category", "eventCategory", "Management, Data, Insight or NetworkActivity"),
        text("event_version", "eventVersion"),
        text("region", "awsRegion", "Region that was asked"),
        text("account_id", "recipientAccountId", "Account whose trail it is"),
        text("actor_type", "userIdentity.type", "IAMUser, AssumedRole, Root, AWSService, FederatedUser, …"),
        text("actor_id", "userIdentity.arn", "ARN of who called; null for services and unknown names"),
        text("actor_principal_id", "userIdentity.principalId", "Unique id of who called; never used again"),
        text("actor_account_id", "userIdentity.accountId", "Account of who called"),
        text("actor_name", "userIdentity.userName", "Name of the IAM user"),
        text("access_key_id", "userIdentity.accessKeyId", "Key that signed the call"),
        text("invoked_by", "userIdentity.invokedBy", "AWS service that called for somebody"),
        text("role_id", "userIdentity.sessionContext.sessionIssuer.arn", "Role behind a session"),
        text("role_name", "userIdentity.sessionContext.sessionIssuer.userName"),
        flag("is_session_mfa", "userIdentity.sessionContext.attributes.mfaAuthenticated", "Session began with MFA"),
        at("session_started_at", "userIdentity.sessionContext.attributes.creationDate"),
        flag("is_console_session", "sessionCredentialFromConsole", "Made in the console"),
        text("ip_address", "sourceIPAddress", "Address of who called; for AWS's own calls the name of the service"),
        text("user_agent", "userAgent"),
        text("error_code", "errorCode", "AWS error; null for calls that succeeded"),
        text("error_message", "errorMessage"),
        flag("is_read_only", "readOnly", "Whether it could change nothing"),
        flag("is_management", "managementEvent"),
        text("request_id", "requestID"),
        text("shared_event_id", "sharedEventID", "The same for the records that one call leaves in several accounts"),
        text("vpc_endpoint_id", "vpcEndpointId"),
        text("tls_version", "tlsDetails.tlsVersion"),
        part("request_parameters", "requestParameters", "What was asked, in the service's own words"),
        part("response_elements", "responseElements", "What was answered to calls that change something"),
        part("additional_event_data", "additionalEventData"),
        part("resources", None, "Resources that were touched, where the service says so"),
        part("service_event_details", "serviceEventDetails"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="cloudtrail",
    title="AWS CloudTrail",
    description="Records of a trail: log files as AWS delivers them, one record a line, or the answer of lookup-events.",
    owner="security",
    readers={"*.jsonl": "jsonl", "*.ndjson": "jsonl", "*.json": "json"},
    unwrap=extract.UNWRAP,
    kind=extract.KIND,
    tables=(EVENT,),
)
