-- Rows of the period whose currency has no rate, with their currencies. Any warns; above a share of a stream's rows,
-- and above a number of rows, it blocks.
with streams as (
    select
        int_streams_in_period.stream as stream,
        int_streams_in_period.row_count as row_count,
        int_streams_in_period.row_count > cast($missing_fx_block as decimal(9,6)) * int_streams_in_period.stream_rows
            and int_streams_in_period.row_count > $missing_fx_floor as is_too_much
    from int_streams_in_period
    where int_streams_in_period.suspense_reason = 'missing_fx_rate'
),

items as (
    select
        suspense_items.original_currency as currency,
        suspense_items.stream as stream,
        count(*) as row_count,
        cast(sum(suspense_items.original_amount) as decimal(24,4)) as original_amount
    from suspense_items
    where
        suspense_items.reason = 'missing_fx_rate'
        and suspense_items.period = $period
    group by
        suspense_items.original_currency,
        suspense_items.stream
),

currencies as (
    select
        items.currency as currency,
        concat(
            items.currency, ' (',
            string_agg(
                concat(
                    cast(items.row_count as varchar), ' ', replace(items.stream, '_', ' '), ', ', money_text(items.original_amount)
                ), '; '
                order by items.stream
            ), ')'
        ) as told
    from items
    group by items.currency
),

told as (
    select string_agg(currencies.told, ', ' order by currencies.currency) as told
    from currencies
)

select
    cast(null as decimal(24,4)) as amount,
    concat('rows without a rate to ', $currency, ', counted as 0.00: ', max(told.told)) as detail,
    case when bool_or(streams.is_too_much) then 'block' else 'warn' end as severity
from streams
join told
    on true
having count(*) > 0
