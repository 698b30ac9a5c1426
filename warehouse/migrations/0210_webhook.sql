create table webhook_token (
    workspace_id text not null,
    connection text not null,
    token text not null,
    body_sha256 text not null,
    used_at timestamp not null default (now() at time zone 'utc'),
    primary key (workspace_id, connection, token)
);
comment on table webhook_token is 'tokens of signatures that cover no body: each stands for the body it came with, and for no other. Kept as long as its time stamp is accepted';
create index webhook_token_by_age on webhook_token (used_at);
