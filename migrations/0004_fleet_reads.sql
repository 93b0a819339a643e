-- What the keeper and the journal's readers ask at every look.

-- Ids of one millisecond sort by chance; the journal is followed in the order it was written.
alter table operations add column seq bigint generated always as identity;
create unique index operations_seq on operations (seq);

-- When a request of a machine last ended: the keeper's quiet time.
create index usage_machine_closed on usage (machine_id, closed_at desc) where closed_at is not null;
