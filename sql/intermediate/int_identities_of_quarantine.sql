-- One row per stream, and per stream and currency: what is in quarantine by the sources beside what the mart shows of it.
-- Currency: the row's own, empty where it has none.
-- Left out: streams without a quarantined row. An order counts here with its total, as the mart shows it.
with counted as (
    select
        int_streams_counted.stream as stream,
        case when int_streams_counted.stream = 'order_lines' then '' else int_streams_counted.currency end as currency,
        case when int_streams_counted.measure = 'rows' then int_streams_counted.amount else 0.0000 end as row_count,
        case when int_streams_counted.measure = 'rows' then 0.0000 else int_streams_counted.amount end as amount
    from int_streams_counted
    where
        int_streams_counted.part = 'quarantined'
        and (
            int_streams_counted.measure in ('rows', 'total')
            or (int_streams_counted.measure = 'amount' and int_streams_counted.stream <> 'orders')
        )
    union all by name
    select
        int_spend_control_counted.stream as stream,
        int_spend_control_counted.currency as currency,
        cast(int_spend_control_counted.row_count as decimal(24,4)) as row_count,
        int_spend_control_counted.amount as amount
    from int_spend_control_counted
    union all by name
    select
        'product_costs' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from product_costs_rejected
    union all by name
    select
        'fx_rates' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from fx_rates_rejected
    union all by name
    select
        'channel_rules' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from channel_rules_rejected
    union all by name
    select
        'channel_priority' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from channel_priority_rejected
    union all by name
    select
        'refund_reasons' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from refund_reasons_rejected
    union all by name
    select
        'suspense_reasons' as stream,
        '' as currency,
        cast(count(*) as decimal(24,4)) as row_count,
        cast(0.0000 as decimal(24,4)) as amount
    from suspense_reasons_rejected
),

sides as (
    select
        counted.stream as stream,
        counted.currency as currency,
        counted.row_count as counted_rows,
        counted.amount as counted_amount,
        0.0000 as shown_rows,
        0.0000 as shown_amount
    from counted
    union all
    select
        quarantined_rows.stream as stream,
        quarantined_rows.currency as currency,
        0.0000 as counted_rows,
        0.0000 as counted_amount,
        1.0000 as shown_rows,
        quarantined_rows.amount as shown_amount
    from quarantined_rows
)

select
    'quarantine' as identity,
    sides.stream as stream,
    'rows' as measure,
    'all' as currency,
    cast(sum(sides.counted_rows) as decimal(24,4)) as left_amount,
    cast(sum(sides.shown_rows) as decimal(24,4)) as right_amount
from sides
group by sides.stream
having sum(sides.counted_rows) <> 0.0000 or sum(sides.shown_rows) <> 0.0000
union all
select
    'quarantine' as identity,
    sides.stream as stream,
    'amount' as measure,
    sides.currency as currency,
    cast(sum(sides.counted_amount) as decimal(24,4)) as left_amount,
    cast(sum(sides.shown_amount) as decimal(24,4)) as right_amount
from sides
group by
    sides.stream,
    sides.currency
having sum(sides.counted_rows) <> 0.0000 or sum(sides.shown_rows) <> 0.0000
