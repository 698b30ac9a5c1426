alter table publish_version add column contents jsonb not null default '{}';
comment on column publish_version.contents is 'of which journal the relations are, and up to which build each holds it (warehouse/journal.py); {} where that is not known';
