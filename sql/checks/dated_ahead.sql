-- Rows dated after the month that they arrived for, per stream and month. Any warns; above a share of the month's rows, with
-- more than a few of them, or with more money than the materiality at the latest rates, they block.
with months as (
    select
        int_rows_dated_ahead.stream as stream,
        int_rows_dated_ahead.month as month,
        cast(sum(int_rows_dated_ahead.row_count) as decimal(20,0)) as row_count,
        cast(sum(int_rows_dated_ahead.rows_ahead) as decimal(20,0)) as rows_ahead,
        cast(sum(cast(
            cast(int_rows_dated_ahead.amount_ahead as decimal(20,4)) * coalesce(int_latest_rates.rate, 1.00000000)
        as decimal(24,4))) as decimal(24,4)) as amount_ahead,
        max(int_rows_dated_ahead.latest_day) as latest_day
    from int_rows_dated_ahead
    left join int_latest_rates
        on int_rows_dated_ahead.currency = int_latest_rates.currency
    group by
        int_rows_dated_ahead.stream,
        int_rows_dated_ahead.month
)

select
    months.stream as stream,
    months.amount_ahead as amount,
    concat(
        cast(months.rows_ahead as varchar), ' of ', cast(months.row_count as varchar), ' rows of ', replace(months.stream, '_', ' '),
        ' that arrived for ', months.month, ' are dated after it, as late as ', cast(months.latest_day as varchar)
    ) as detail,
    case
        when months.amount_ahead > $materiality
            or (
                months.rows_ahead > cast($ahead_share_block as decimal(9,6)) * months.row_count
                and months.rows_ahead > $ahead_floor
            )
            then 'block'
        else 'warn'
    end as severity
from months
where months.rows_ahead > cast(0 as decimal(20,0))
