-- Facts are written once, but whose they are may become known later: a row is a fact that names another customer than
-- identity does now. Read are facts that were written since this has passed, and those whose user or message was.
with now_known as (

    select workspace_id, source_id, customer_id
    from {{ ref('int_identity__user') }}
    where source = 'user'

)

select facts.workspace_id, 'login' as fact, facts.login_id as fact_id
from {{ rows_that_relate(ref('fct_login'), 'user_id', ref('int_identity__user'), 'source_id') }} as facts
inner join now_known on facts.workspace_id = now_known.workspace_id and facts.user_id = now_known.source_id
where facts.customer_id is distinct from now_known.customer_id
union all
select messages.workspace_id, 'email_event', events.email_event_id
from {{ rows_that_relate(ref('fct_email_event'), 'message_id', ref('fct_email_message'), 'message_id') }} as events
inner join {{ ref('fct_email_message') }} as messages
    on events.workspace_id = messages.workspace_id and events.message_id = messages.message_id
where events.customer_id is distinct from messages.customer_id
