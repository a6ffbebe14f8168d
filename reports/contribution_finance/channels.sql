-- One row per marketing channel, then shared spend, suspense and the company: the rows above the last sum to it.
-- Below suspense a memo says how much of its net revenue is sales of goods without cost, whose contribution nobody knows.
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

uncosted as (
    select
        cast(coalesce(sum(cast(units as decimal(20, 0))), 0) as decimal(20, 0)) as units,
        cast(coalesce(sum(gross_sales + discounts + platform_discounts), 0) as decimal(24, 4)) as sales
    from contribution_ledger
    where stream = 'order_lines'
        and cost_basis = 'missing'
        and fx_rate is not null
        and booked_on >= $period_first_day
        and booked_on < $period_end_day
),

memo as (
    select
        'memo' as kind,
        'of which goods without cost' as channel,
        sales as net_revenue,
        null as contribution_1,
        null as contribution_2,
        null as marketing,
        null as contribution_3
    from uncosted
    where units <> 0
),

listed as (
    select * from channels
    union all
    select * from company
    union all
    select * from memo
)

select
    kind as kind,
    channel as channel,
    cast(net_revenue as decimal(24, 4)) as net_revenue,
    cast(contribution_1 as decimal(24, 4)) as contribution_1,
    cast(contribution_2 as decimal(24, 4)) as contribution_2,
    cast(marketing as decimal(24, 4)) as marketing,
    cast(contribution_3 as decimal(24, 4)) as contribution_3
from listed
order by
    case kind when 'channel' then 1 when 'shared' then 2 when 'suspense' then 3 when 'memo' then 4 else 5 end,
    net_revenue desc,
    channel
