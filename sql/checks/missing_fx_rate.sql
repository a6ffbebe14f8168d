-- Rows of the period whose currency has no rate. Any warns; above a share of a stream's rows,
-- and above a number of rows, it blocks.
with streams as (
    select
        int_streams_in_period.stream as stream,
        int_streams_in_period.row_count as row_count,
        int_streams_in_period.row_count > cast($missing_fx_block as decimal(9,6)) * int_streams_in_period.stream_rows
            and int_streams_in_period.row_count > $missing_fx_floor as is_too_much
    from int_streams_in_period
    where int_streams_in_period.suspense_reason = 'missing_fx_rate'
)

select
    cast(null as decimal(24,4)) as amount,
    concat(
        'rows without a rate to ', $currency, ': ',
        string_agg(concat(cast(streams.row_count as varchar), ' ', streams.stream), ', ' order by streams.stream)
    ) as detail,
    case when bool_or(streams.is_too_much) then 'block' else 'warn' end as severity
from streams
having count(*) > 0
