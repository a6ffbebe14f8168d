-- Nothing was shipped, refunded or spent in the week. Blocks: there is nothing to report. A stream that other weeks have and
-- this one has not warns.
with days as (
    select
        'shipments' as stream,
        local_day(shipments.shipped_at) as day
    from shipments
    union all
    select
        'refunds' as stream,
        local_day(refunds.refunded_at) as day
    from refunds
    union all
    select
        'spend' as stream,
        spend.spend_date as day
    from spend
),

streams as (
    select
        days.stream as stream,
        cast(sum(
            case
                when days.day >= $period_first_day and days.day < $period_end_day then cast(1 as decimal(20,0))
                else cast(0 as decimal(20,0))
            end
        ) as decimal(20,0)) as row_count
    from days
    group by days.stream
)

select
    cast(null as varchar) as stream,
    concat('no shipments, refunds or spend are booked in ', $period) as detail,
    'block' as severity
from streams
having coalesce(cast(sum(streams.row_count) as decimal(20,0)), cast(0 as decimal(20,0))) = cast(0 as decimal(20,0))
union all
select
    streams.stream as stream,
    concat('no ', streams.stream, ' are booked in ', $period, ', though other weeks have some') as detail,
    'warn' as severity
from streams
where streams.row_count = cast(0 as decimal(20,0))
