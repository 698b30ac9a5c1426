create table gate_result (
    relation text not null,
    gate text not null,
    passed boolean not null,
    result jsonb not null,
    run_id text not null,
    judged_at timestamp not null default (now() at time zone 'utc'),
    primary key (relation, gate)
);
comment on table gate_result is 'the latest judgement of each gate on the candidate';
