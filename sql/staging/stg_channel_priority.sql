-- One row per kind of claim on an order; the lowest rank wins.
-- Left out: nothing.
select
    channel_priority.claim as claim,
    channel_priority.rank as claim_rank,
    channel_priority.valid_from as valid_from,
    coalesce(channel_priority.valid_to, cast('9999-12-31' as date)) as valid_to
from channel_priority
