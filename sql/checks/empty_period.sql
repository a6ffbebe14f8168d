-- Nothing of the streams that every period has was booked in the period. Blocks: there is nothing to report. A stream that
-- other periods have and this one has not warns.
with required as (
    select unnest(make_array('orders', 'order_lines', 'refunds', 'spend')) as stream
),

history as (
    select distinct int_streams_by_period.stream as stream
    from int_streams_by_period
),

booked as (
    select
        int_streams_in_period.stream as stream,
        cast(sum(int_streams_in_period.row_count) as decimal(20,0)) as row_count
    from int_streams_in_period
    group by int_streams_in_period.stream
),

judged as (
    select
        required.stream as stream,
        history.stream is not null as has_history,
        coalesce(booked.row_count, 0) as row_count
    from required
    left join history
        on required.stream = history.stream
    left join booked
        on required.stream = booked.stream
)

select
    cast(null as varchar) as stream,
    concat('no orders, order lines, refunds or spend are booked in ', $period) as detail,
    'block' as severity
from judged
having sum(judged.row_count) = 0
union all
select
    judged.stream as stream,
    concat('no ', replace(judged.stream, '_', ' '), ' are booked in ', $period, ', though other periods have some') as detail,
    'warn' as severity
from judged
where
    judged.row_count = 0
    and judged.has_history
