-- One row: the period's booked figures, suspense included.
-- Amounts in reporting currency. mer = net revenue / all marketing, shared and unmapped included.
with totals as (
    select
        cast(sum(net_revenue) as decimal(24, 4)) as net_revenue,
        cast(sum(contribution_1) as decimal(24, 4)) as contribution_1,
        cast(sum(contribution_2) as decimal(24, 4)) as contribution_2,
        cast(sum(contribution_3) as decimal(24, 4)) as contribution_3,
        cast(sum(media_spend + media_credits + affiliate_commission) as decimal(24, 4)) as marketing,
        cast(sum(case when marketing_channel = 'suspense' then contribution_3 else 0 end) as decimal(24, 4)) as suspense,
        sum(cast(orders as decimal(20, 0))) as orders
    from channel_contribution_monthly
    where period = $period
        and basis = 'booked'
)

select
    cast(net_revenue as decimal(24, 2)) as net_revenue,
    cast(contribution_1 as decimal(24, 2)) as contribution_1,
    cast(contribution_2 as decimal(24, 2)) as contribution_2,
    cast(contribution_3 as decimal(24, 2)) as contribution_3,
    cast(marketing as decimal(24, 2)) as marketing,
    cast(suspense as decimal(24, 2)) as suspense,
    orders as orders,
    cast(cast(contribution_3 as decimal(28, 8)) / nullif(net_revenue, 0) as decimal(18, 4)) as margin,
    cast(cast(net_revenue as decimal(28, 8)) / nullif(case when marketing < 0 then -marketing else 0 end, 0) as decimal(18, 4)) as mer
from totals
