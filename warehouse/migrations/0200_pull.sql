create table pull_cursor (
    workspace_id text not null,
    connection text not null,
    stream text not null,
    source text not null,
    cursor jsonb not null,
    caught_up_at timestamp,
    updated_at timestamp not null default (now() at time zone 'utc'),
    primary key (workspace_id, connection, stream)
);
comment on table pull_cursor is 'where the next pull of a stream goes on; written in the transaction that lands what came before it. caught_up_at: when the stream was last read to its end';

create table pull (
    pull_id text not null,
    stream text not null,
    workspace_id text not null,
    connection text not null,
    source text not null,
    status text not null check (status in ('running', 'done', 'failed', 'abandoned')),
    span_from timestamp,
    span_until timestamp,
    page_count bigint not null default 0,
    read_count bigint not null default 0,
    landed_count bigint not null default 0,
    duplicate_count bigint not null default 0,
    quarantined_count bigint not null default 0,
    error text,
    remedy text,
    started_at timestamp not null default (now() at time zone 'utc'),
    ended_at timestamp,
    primary key (pull_id, stream)
);
comment on table pull is 'one row per stream of a pull from a provider';
create index pull_by_connection on pull (workspace_id, connection, stream, started_at desc);
