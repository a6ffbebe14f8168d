-- One row per stream and reason for suspense (none: placed) of the period that is reported on.
-- Currency: `amount` in reporting currency, without sign: all lines without costs of goods.
-- Left out: other periods.
with streams as (
    select
        int_streams_by_period.stream as stream,
        int_streams_by_period.suspense_reason as suspense_reason,
        int_streams_by_period.row_count as row_count,
        abs(int_streams_by_period.amount) as amount
    from int_streams_by_period
    where int_streams_by_period.period = $period
    union all
    select
        suspense_items.stream as stream,
        suspense_items.reason as suspense_reason,
        cast(1 as decimal(20,0)) as row_count,
        abs(suspense_items.amount) as amount
    from suspense_items
    join int_ledger_unmatched
        on suspense_items.stream = int_ledger_unmatched.stream
        and suspense_items.source_key = int_ledger_unmatched.source_key
    where suspense_items.period = $period
),

summed as (
    select
        streams.stream as stream,
        streams.suspense_reason as suspense_reason,
        cast(sum(streams.row_count) as decimal(20,0)) as row_count,
        cast(sum(cast(streams.amount as decimal(24,4))) as decimal(24,4)) as amount
    from streams
    group by
        streams.stream,
        streams.suspense_reason
)

select
    summed.stream as stream,
    summed.suspense_reason as suspense_reason,
    summed.row_count as row_count,
    summed.amount as amount,
    cast(sum(summed.row_count) over (partition by summed.stream) as decimal(20,0)) as stream_rows,
    cast(sum(summed.amount) over (partition by summed.stream) as decimal(24,4)) as stream_amount
from summed
