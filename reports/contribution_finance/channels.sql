-- One row per marketing channel, then shared spend, suspense and the company: the rows above the last sum to it.
-- Booked basis, reporting currency.
with channels as (
    select
        case
            when marketing_channel = 'suspense' then 'suspense'
            when marketing_channel = 'shared' then 'shared'
            else 'channel'
        end as kind,
        marketing_channel as channel,
        sum(net_revenue) as net_revenue,
        sum(contribution_1) as contribution_1,
        sum(contribution_2) as contribution_2,
        sum(media_spend + media_credits + affiliate_commission) as marketing,
        sum(contribution_3) as contribution_3
    from channel_contribution_monthly
    where period = $period
        and basis = 'booked'
    group by marketing_channel
),

company as (
    select
        'total' as kind,
        'company' as channel,
        sum(net_revenue) as net_revenue,
        sum(contribution_1) as contribution_1,
        sum(contribution_2) as contribution_2,
        sum(media_spend + media_credits + affiliate_commission) as marketing,
        sum(contribution_3) as contribution_3
    from channel_contribution_monthly
    where period = $period
        and basis = 'booked'
),

listed as (
    select * from channels
    union all
    select * from company
)

select
    kind as kind,
    channel as channel,
    cast(net_revenue as decimal(24, 2)) as net_revenue,
    cast(contribution_1 as decimal(24, 2)) as contribution_1,
    cast(contribution_2 as decimal(24, 2)) as contribution_2,
    cast(marketing as decimal(24, 2)) as marketing,
    cast(contribution_3 as decimal(24, 2)) as contribution_3
from listed
order by
    case kind when 'channel' then 1 when 'shared' then 2 when 'suspense' then 3 else 4 end,
    net_revenue desc,
    channel
