create table batch (
    batch_id text primary key,
    seq bigint unique,
    kind text not null check (kind in ('landing', 'replay')),
    workspace_id text not null,
    source text not null,
    mapping text not null default '',
    contract jsonb not null,
    status text not null check (status in ('landing', 'landed', 'failed', 'abandoned')),
    reason text,
    read_count bigint not null default 0,
    landed_count bigint not null default 0,
    duplicate_count bigint not null default 0,
    quarantined_count bigint not null default 0,
    tables jsonb not null default '{}',
    new_columns jsonb not null default '{}',
    started_at timestamp not null default (now() at time zone 'utc'),
    landed_at timestamp
);
comment on table batch is 'one row per attempt to land; only status landed counts. seq is the order of commits';
create sequence batch_seq;
create index batch_by_source on batch (workspace_id, source, status);

create table batch_part (
    batch_id text not null references batch,
    part text not null check (part in ('raw', 'quarantine')),
    source text not null,
    table_name text not null,
    path text not null primary key,
    row_count bigint not null,
    byte_count bigint not null,
    sha256 text not null
);
comment on column batch_part.path is 'relative to the lake';
create index batch_part_by_table on batch_part (source, table_name);

create table landed_file (
    workspace_id text not null,
    source text not null,
    mapping text not null,
    sha256 text not null,
    name text not null,
    byte_count bigint not null,
    read_count bigint not null,
    landed_count bigint not null,
    duplicate_count bigint not null,
    quarantined_count bigint not null,
    tables jsonb not null,
    batch_id text not null references batch,
    primary key (workspace_id, source, mapping, sha256)
);

create table known_field (
    workspace_id text not null,
    relation text not null,
    field text not null,
    batch_id text not null references batch,
    primary key (workspace_id, relation, field)
);
comment on table known_field is 'fields that records had and the contract does not name; seen once, not new any more';

create table quarantine_mark (
    quarantine_id text primary key,
    batch_id text not null references batch,
    marked_at timestamp not null default (now() at time zone 'utc')
);
comment on table quarantine_mark is 'a quarantined record that a replay has landed since';

create table publish_version (
    version bigint primary key,
    engine text not null,
    file text not null,
    status text not null check (status in ('candidate', 'published', 'refused', 'failed', 'retired')),
    batch_seq bigint not null default 0,
    gates jsonb not null default '[]',
    reason text,
    byte_count bigint,
    created_at timestamp not null default (now() at time zone 'utc'),
    published_at timestamp
);
