-- Facts are written once, but whose they are may become known later: a row is a fact that names another customer than
-- identity does now.
with now_known as (

    select workspace_id, source_id, customer_id
    from {{ ref('int_identity__user') }}
    where source = 'user'

)

select facts.workspace_id, 'login' as fact, facts.login_id as fact_id
from {{ ref('fct_login') }} as facts
inner join now_known on facts.workspace_id = now_known.workspace_id and facts.user_id = now_known.source_id
where facts.customer_id is distinct from now_known.customer_id
union all
select messages.workspace_id, 'email_event', events.email_event_id
from {{ ref('fct_email_event') }} as events
inner join {{ ref('fct_email_message') }} as messages
    on events.workspace_id = messages.workspace_id and events.message_id = messages.message_id
where events.customer_id is distinct from messages.customer_id
