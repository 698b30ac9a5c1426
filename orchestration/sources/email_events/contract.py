"""The e-mail source: events of Amazon SES, SendGrid, Mailgun and Postmark, raw.

Belongs here: tables and columns. Does not belong here: the common vocabulary, machine opens, scanner clicks (staging).
SES: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
    https://www.twilio.com/docs/sendgrid/api-reference/email-logs
Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure
Postmark: https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from __future__ import annotations

from nexus.contracts import Column, Source, Table
from orchestration.lib.columns import at, columns, epoch, flag, part, text, whole
from orchestration.sources.email_events import extract

SES_EVENT = Table(
    "email_events", "ses_event", nature="event", id="id", event_at="event_at", select=extract.SES_EVENT,
    description="One row per SES event and recipient that it speaks of.",
    columns=columns(
        text("id", None, "Digest of message, kind, time, recipient, link, address and user agent: SES gives no id"),
        text(
            "event_type", "kind", "Send, Delivery, Bounce, … as SES writes it", required=True,
            values=(
                "Send", "Delivery", "Bounce", "Complaint", "Reject", "Open", "Click", "Rendering Failure",
                "DeliveryDelay", "Subscription",
            ),
        ),
        at("event_at", "at", "When it happened (for Send and Reject: when the message was accepted)", required=True),
        text("message_id", "mail.messageId", "SES's id of the message", required=True),
        at("sent_at", "mail.timestamp", "When the message was accepted", required=True),
        text("sender_email", "mail.source", "Envelope sender"),
        text("recipient_email", "recipient", "Null for opens and clicks of a message to several people"),
        text("subject", "mail.commonHeaders.subject"),
        text("from_header", "mail.commonHeaders.from[0]"),
        text("configuration_set", 'mail.tags."ses:configuration-set"[0]'),
        text("campaign_id", "mail.tags.campaign[0]", "Message tag `campaign`"),
        text("arm_code", "mail.tags.arm[0]", "Message tag `arm`: variant of an experiment"),
        text("template_name", "mail.tags.template[0]", "Message tag `template`"),
        text("customer_id", "mail.tags.customer_id[0]", "Message tag `customer_id`"),
        text("user_id", "mail.tags.user_id[0]", "Message tag `user_id`"),
        text("bounce_type", "bounce.bounceType", "Permanent, Transient or Undetermined"),
        text("bounce_sub_type", "bounce.bounceSubType", "General, NoEmail, Suppressed, MailboxFull, …"),
        text("complaint_feedback_type", "complaint.complaintFeedbackType", "abuse, fraud, not-spam, …"),
        text("complaint_sub_type", "complaint.complaintSubType"),
        text("delay_type", "deliveryDelay.delayType", "MailboxFull, SpamDetected, …"),
        text("diagnostic_code", "recipient_detail.diagnosticCode", "The receiving server's words"),
        text("smtp_status", "recipient_detail.status", "Enhanced status code, such as 5.1.1"),
        text("smtp_response", "delivery.smtpResponse"),
        whole("processing_time_ms", "delivery.processingTimeMillis"),
        text("reject_reason", "reject.reason"),
        text("failure_message", "failure.errorMessage", "Why the template could not be rendered"),
        text("url", "click.link", "What was clicked"),
        text("user_agent", "agent", "Of an open, click or complaint"),
        text("ip_address", "address", "Of an open or click"),
        flag("is_unsubscribed_from_all", "subscription.newTopicPreferences.unsubscribeAll"),
        text("contact_list", "subscription.contactList"),
        part("topic_preferences", "subscription.newTopicPreferences"),
        part("destinations", "mail.destination", "All recipients of the message"),
        part("tags", "mail.tags", "All message tags"),
        part("headers", "mail.headers", "Headers of the message"),
    ),
)  # fmt: skip


def _sendgrid(arguments: str = "") -> tuple[Column, ...]:
    """Columns of a SendGrid event whose custom arguments lie at `arguments` of the document."""
    return (
        text("id", "sg_event_id", "SendGrid's id of the event"),
        text("event_type", "event", "processed, delivered, bounce, open, … as SendGrid writes it", required=True),
        epoch("event_at", "timestamp", "When it happened", required=True),
        text("message_id", "sg_message_id", "What precedes the first dot is the same for all events of a message"),
        text("smtp_id", "smtp-id", "Message-ID header"),
        text("recipient_email", "email", "As it was sent to", required=True),
        text("bounce_kind", "type", "Of event bounce: bounce (hard) or blocked (soft)"),
        text("bounce_classification", None, "Invalid Address, Mailbox Unavailable, Reputation, …"),
        text("reason", None, "Why it bounced, was dropped or deferred"),
        text("smtp_status", "status", "Enhanced status code, such as 5.0.0"),
        text("response", None, "The receiving server's words"),
        whole("attempt", None, "Number of the attempt, of deferred events"),
        text("url", None, "What was clicked"),
        text("user_agent", "useragent"),
        text("ip_address", "ip"),
        flag("is_machine_open", "sg_machine_open", "SendGrid holds the open for a machine's (Apple Mail Privacy)"),
        part("category", None, "One category or an array of them"),
        text("campaign_id", f"{arguments}campaign_id", "Custom argument `campaign_id`"),
        text("arm_code", f"{arguments}arm", "Custom argument `arm`: variant of an experiment"),
        text("subject", None, "Custom argument `subject`" if not arguments else "Of the message"),
        text("customer_id", f"{arguments}customer_id", "Custom argument `customer_id`"),
        text("user_id", f"{arguments}user_id", "Custom argument `user_id`"),
        text("single_send_id", "singlesend_id", "Marketing campaign of SendGrid's own"),
        text("single_send_name", "singlesend_name"),
        text("template_id"),
        text("sending_pool_name", "pool.name"),
        whole("unsubscribe_group_id", "asm_group_id"),
        flag("is_tls", "tls"),
        flag("is_certificate_error", "cert_err"),
    )


SENDGRID_EVENT = Table(
    "email_events", "sendgrid_event", nature="event", id="id", event_at="event_at", select=extract.SENDGRID_EVENT,
    description="One row per event that SendGrid posted.", columns=columns(_sendgrid()),
)  # fmt: skip

SENDGRID_LOG_EVENT = Table(
    # the same events under the same ids, but not in the same words: here custom arguments lie by themselves
    "email_events", "sendgrid_log_event", nature="entity", id="id", event_at="event_at",
    select=extract.SENDGRID_LOG_EVENT, description="One row per event that SendGrid's Email Logs list.",
    columns=columns(_sendgrid("custom_args.")),
)  # fmt: skip

MAILGUN_EVENT = Table(
    # the events API and the webhook tell of the same event in not quite the same words
    "email_events", "mailgun_event", nature="entity", id="id", event_at="event_at", select=extract.MAILGUN_EVENT,
    description="One row per Mailgun event.",
    columns=columns(
        text("id", "key", "Day and Mailgun's id, which is unique within a day"),
        text("mailgun_id", "id", "Mailgun's id of the event", required=True),
        text("event_type", "event", "accepted, delivered, failed, opened, … as Mailgun writes it", required=True),
        epoch("event_at", "timestamp", "When it happened", required=True),
        text("message_id", 'message.headers."message-id"', "Message-ID header, without brackets"),
        text("recipient_email", "recipient", "Null for events of lists"),
        text("severity", None, "Of failed events: permanent, or temporary (Mailgun tries again)"),
        text("reason", None, "bounce, suppress-bounce, old, generic, …"),
        text("bounce_type", '"delivery-status"."bounce-type"', "hard or soft, where Mailgun says so"),
        whole("status_code", '"delivery-status".code', "Of the receiving server or of Mailgun"),
        text("smtp_status", '"delivery-status"."enhanced-code"', "Enhanced status code, such as 5.1.1"),
        text("diagnostic", '"delivery-status".message', "The receiving server's words"),
        text("description", '"delivery-status".description', "Mailgun's words"),
        whole("attempt", '"delivery-status"."attempt-no"'),
        text("url", None, "What was clicked"),
        text("ip_address", "ip", "Of an open, click, complaint or unsubscription"),
        text("user_agent", '"client-info"."user-agent"'),
        text("client_type", '"client-info"."client-type"'),
        text("bot_name", '"client-info".bot', "apple, gmail, …: Mailgun holds it for a machine's"),
        text("subject", "message.headers.subject"),
        text("sender_email", "envelope.sender"),
        text("domain_name", "domain.name"),
        text("campaign_id", '"user-variables".campaign_id', "Variable `campaign_id`"),
        text("arm_code", '"user-variables".arm', "Variable `arm`: variant of an experiment"),
        text("customer_id", '"user-variables".customer_id', "Variable `customer_id`"),
        text("user_id", '"user-variables".user_id', "Variable `user_id`"),
        text("template_name", "template.name"),
        part("tags"),
        part("variables", '"user-variables"', "All variables of the message"),
        part("delivery_status", '"delivery-status"'),
        part("client", '"client-info"'),
        part("message"),
    ),
)  # fmt: skip

POSTMARK_EVENT = Table(
    "email_events", "postmark_event", nature="event", id="id", event_at="event_at", select=extract.POSTMARK_EVENT,
    description="One row per Postmark event.",
    columns=columns(
        text("id", "key", "Digest of message, kind, time, recipient, link and user agent: Postmark gives no id to most"),
        text("event_type", "RecordType", "Delivery, Bounce, Open, … as Postmark writes it", required=True),
        at("event_at", "at", "When it happened", required=True),
        text("message_id", "MessageID", "Postmark's id of the message", required=True),
        text("recipient_email", "person", required=True),
        whole("bounce_id", "ID", "Of bounces and complaints"),
        text("bounce_type", "Type", "HardBounce, SoftBounce, Transient, …"),
        whole("bounce_code", "TypeCode"),
        text("description", "Description", "Postmark's words"),
        text("details", "Details", "The receiving server's words"),
        text("subject", "Subject"),
        text("sender_email", "From"),
        text("tag", "Tag"),
        text("message_stream", "MessageStream"),
        whole("server_id", "ServerID"),
        text("url", "OriginalLink", "What was clicked"),
        text("click_location", "ClickLocation"),
        text("user_agent", "UserAgent"),
        flag("is_first_open", "FirstOpen"),
        flag("is_sending_suppressed", "SuppressSending", "Of a change of subscription"),
        text("suppression_reason", "SuppressionReason", "HardBounce, SpamComplaint, ManualSuppression"),
        text("campaign_id", "Metadata.campaign_id", "Metadata `campaign_id`"),
        text("arm_code", "Metadata.arm", "Metadata `arm`: variant of an experiment"),
        text("customer_id", "Metadata.customer_id", "Metadata `customer_id`"),
        text("user_id", "Metadata.user_id", "Metadata `user_id`"),
        part("metadata", "Metadata"),
        part("client", "Client"),
        part("os", "OS"),
        part("geo", "Geo"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="email_events",
    title="E-mail events (SES, SendGrid, Mailgun, Postmark)",
    description="Events of Amazon SES (also inside SNS envelopes), SendGrid, Mailgun and Postmark, as they tell them.",
    owner="marketing",
    # Firehose names its files <stream>-<version>-2026-10-31-14-05-09-<uuid> and gives them no ending
    readers={
        "*.jsonl": "jsonl",
        "*.ndjson": "jsonl",
        "*.json": "json",
        "*[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]-*": "json",
    },
    unwrap=extract.UNWRAP,
    kind=extract.KIND,
    tables=(SES_EVENT, SENDGRID_EVENT, SENDGRID_LOG_EVENT, MAILGUN_EVENT, POSTMARK_EVENT),
)
