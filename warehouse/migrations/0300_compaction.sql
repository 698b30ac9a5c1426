alter table batch_part drop constraint batch_part_pkey;
alter table batch_part add primary key (batch_id, part, source, table_name);
create index batch_part_by_path on batch_part (path);
comment on column batch_part.path is 'relative to the lake; small parts of several batches may share a file, whose rows say by _batch_id which is whose. byte_count and sha256 are of the whole file';

create table lake_leftover (
    path text primary key,
    workspace_id text not null,
    source text not null,
    replaced_at timestamp not null default (now() at time zone 'utc')
);
comment on table lake_leftover is 'files whose rows are in a larger file now; deleted once nobody can be reading them';
