-- Rows booked before the first day that can be true, with or without an order. Blocks: such a row is in no month that anybody
-- looks at.
with streams as (
    select
        int_streams_by_period.stream as stream,
        int_streams_by_period.period as period,
        int_streams_by_period.row_count as row_count,
        int_streams_by_period.amount as amount
    from int_streams_by_period
    union all
    select
        suspense_items.stream as stream,
        suspense_items.period as period,
        cast(1 as decimal(20,0)) as row_count,
        cast(suspense_items.amount as decimal(24,4)) as amount
    from suspense_items
    join int_ledger_unmatched
        on suspense_items.stream = int_ledger_unmatched.stream
        and suspense_items.source_key = int_ledger_unmatched.source_key
)

select
    streams.stream as stream,
    cast(sum(streams.amount) as decimal(24,4)) as amount,
    concat(
        cast(sum(streams.row_count) as varchar), ' rows of ', replace(streams.stream, '_', ' '), ' are booked before ',
        cast($first_plausible_day as varchar), ', first in ', min(streams.period)
    ) as detail
from streams
where streams.period < period_of($first_plausible_day)
group by streams.stream
