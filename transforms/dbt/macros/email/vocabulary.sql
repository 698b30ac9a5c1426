{# The one vocabulary of mail: what each provider's word (and its subtype) means. Null for what is not about delivery or
   reading, such as a repeated subscription. #}
{% macro email_event_name(provider, provider_event, provider_subtype) -%}
    case {{ provider }}
        when 'ses' then
            case {{ provider_event }}
                when 'Send' then 'accepted'
                when 'Delivery' then 'delivered'
                when 'DeliveryDelay' then 'deferred'
                when 'Bounce'
                    then case when {{ provider_subtype }} = 'Permanent' then 'bounced_hard' else 'bounced_soft' end
                when 'Complaint' then case when coalesce({{ provider_subtype }}, '') <> 'not-spam' then 'complained' end
                when 'Open' then 'opened'
                when 'Click' then 'clicked'
                when 'Subscription' then case when coalesce({{ provider_subtype }}, '') <> 'in' then 'unsubscribed' end
                when 'Reject' then 'dropped'
                when 'Rendering Failure' then 'dropped'
            end
        when 'sendgrid' then
            case {{ provider_event }}
                when 'processed' then 'accepted'
                when 'delivered' then 'delivered'
                when 'deferred' then 'deferred'
                when 'bounce'
                    then case when {{ provider_subtype }} = 'blocked' then 'bounced_soft' else 'bounced_hard' end
                when 'blocked' then 'bounced_soft'
                when 'spamreport' then 'complained'
                when 'open' then 'opened'
                when 'click' then 'clicked'
                when 'unsubscribe' then 'unsubscribed'
                when 'group_unsubscribe' then 'unsubscribed'
                when 'dropped' then 'dropped'
            end
        when 'mailgun' then
            case {{ provider_event }}
                when 'accepted' then 'accepted'
                when 'delivered' then 'delivered'
                when 'failed' then
                    case {{ provider_subtype }}
                        when 'suppressed' then 'dropped'
                        when 'temporary' then 'deferred'
                        when 'soft' then 'bounced_soft'
                        else 'bounced_hard'
                    end
                when 'rejected' then 'dropped'
                when 'opened' then 'opened'
                when 'clicked' then 'clicked'
                when 'unsubscribed' then 'unsubscribed'
                when 'complained' then 'complained'
            end
        when 'postmark' then
            case {{ provider_event }}
                when 'Delivery' then 'delivered'
                when 'Bounce' then
                    case
                        when {{ provider_subtype }} in ('HardBounce', 'BadEmailAddress', 'ManuallyDeactivated') then 'bounced_hard'
                        when {{ provider_subtype }} = 'SpamComplaint' then 'complained'
                        when {{ provider_subtype }} = 'Transient' then 'deferred'
                        when {{ provider_subtype }} = 'Unsubscribe' then 'unsubscribed'
                        when {{ provider_subtype }} in ('SMTPApiError', 'TemplateRenderingFailed', 'Unconfirmed') then 'dropped'
                        when {{ provider_subtype }} in (
                            'Subscribe', 'AutoResponder', 'AddressChange', 'OpenRelayTest', 'ChallengeVerification',
                            'InboundError'
                        ) then null
                        else 'bounced_soft'
                    end
                when 'SpamComplaint' then 'complained'
                when 'Open' then 'opened'
                when 'Click' then 'clicked'
                -- what a bounce or a complaint suppresses has been told as such
                when 'SubscriptionChange'
                    then case when {{ provider_subtype }} = 'ManualSuppression' then 'unsubscribed' end
            end
        else {{ provider_event }}
    end
{%- endmacro %}
