create table pull_stream (
    workspace_id text not null,
    connection text not null,
    stream text not null,
    landed_count bigint not null default 0,
    primary key (workspace_id, connection, stream)
);
comment on table pull_stream is 'every stream that was ever pulled or posted to. landed_count: of all its pulls, those too whose rows in pull are gone';

insert into pull_stream select workspace_id, connection, stream, sum(landed_count) from pull group by 1, 2, 3;
