-- One row per stream, month of arrival and currency, with the rows that are dated after that month: what had not happened yet
-- when it arrived. A few days are usual, because months end at other hours in other zones (`ahead_days`).
-- Currency: the row's own, without sign.
-- Left out: order lines, which have their order's day.
with dated as (
    select
        'orders' as stream,
        orders.month as month,
        local_day(orders.ordered_at) as day,
        orders.currency as currency,
        orders.order_total as amount
    from orders
    union all
    select
        'refunds' as stream,
        refunds.month as month,
        local_day(refunds.refunded_at) as day,
        refunds.currency as currency,
        refunds.amount as amount
    from refunds
    union all
    select
        'shipments' as stream,
        shipments.month as month,
        local_day(shipments.shipped_at) as day,
        shipments.currency as currency,
        shipments.cost as amount
    from shipments
    union all
    select
        'fees' as stream,
        fees.month as month,
        local_day(fees.event_at) as day,
        fees.currency as currency,
        fees.amount as amount
    from fees
    union all
    select
        'spend' as stream,
        spend.month as month,
        spend.spend_date as day,
        spend.currency as currency,
        spend.amount as amount
    from spend
),

-- When the month ends is worked out for a day, not for every row of it.
days as (
    select
        dated.stream as stream,
        dated.month as month,
        dated.currency as currency,
        dated.day as day,
        cast(count(*) as decimal(20,0)) as row_count,
        cast(sum(abs(dated.amount)) as decimal(24,4)) as amount
    from dated
    group by
        dated.stream,
        dated.month,
        dated.currency,
        dated.day
),

judged as (
    select
        days.*,
        days.day >= cast(cast(days.month || '-01' as date) + interval '1 month' as date) + cast($ahead_days as int) as is_ahead
    from days
)

select
    judged.stream as stream,
    judged.month as month,
    judged.currency as currency,
    cast(sum(judged.row_count) as decimal(20,0)) as row_count,
    cast(sum(case when judged.is_ahead then judged.row_count else cast(0 as decimal(20,0)) end) as decimal(20,0)) as rows_ahead,
    cast(coalesce(sum(case when judged.is_ahead then judged.amount end), 0.00) as decimal(24,4)) as amount_ahead,
    max(case when judged.is_ahead then judged.day end) as latest_day
from judged
group by
    judged.stream,
    judged.month,
    judged.currency
