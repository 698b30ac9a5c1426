alter table gate_result add column is_set_aside boolean not null default false;
comment on column gate_result.is_set_aside is 'it holds only if the build leaves its relation as it is, which is not known yet';
