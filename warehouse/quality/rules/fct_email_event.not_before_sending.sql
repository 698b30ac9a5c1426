-- Nothing happens to a message before it was sent.
select e.workspace_id, e.email_event_id, e.event, e.event_at as observed, m.sent_at as expected
from marts.fct_email_event as e
inner join marts.fct_email_message as m on e.workspace_id = m.workspace_id and e.message_id = m.message_id
where e.event_at < m.sent_at
