-- One row per marketing channel, then shared spend, spend and orders in suspense, and the company.
-- Cohort basis, reporting currency; a ratio is null where nothing was spent or sold: credits alone are no spend.
with channels as (
    select
        case
            when marketing_channel = 'suspense' then 'suspense'
            when marketing_channel = 'shared' then 'shared'
            else 'channel'
        end as kind,
        marketing_channel as channel,
        sum(net_revenue) as net_revenue,
        sum(contribution_2) as contribution_2,
        sum(contribution_3) as contribution_3,
        sum(media_spend + media_credits) as media,
        sum(gross_sales + discounts + platform_discounts) as sold,
        sum(returns) as returned
    from channel_contribution_monthly
    where period = $period
        and basis = 'cohort'
    group by marketing_channel
),

company as (
    select
        'total' as kind,
        'company' as channel,
        sum(net_revenue) as net_revenue,
        sum(contribution_2) as contribution_2,
        sum(contribution_3) as contribution_3,
        sum(media_spend + media_credits) as media,
        sum(gross_sales + discounts + platform_discounts) as sold,
        sum(returns) as returned
    from channel_contribution_monthly
    where period = $period
        and basis = 'cohort'
),

listed as (
    select * from channels
    union all
    select * from company
),

narrowed as (
    select
        kind,
        channel,
        cast(net_revenue as decimal(24, 4)) as net_revenue,
        cast(contribution_2 as decimal(24, 4)) as contribution_2,
        cast(contribution_3 as decimal(24, 4)) as contribution_3,
        cast(media as decimal(24, 4)) as media,
        cast(case when media < 0 then -media else 0 end as decimal(24, 4)) as spent,
        cast(sold as decimal(24, 4)) as sold,
        cast(returned as decimal(24, 4)) as returned
    from listed
)

select
    kind as kind,
    channel as channel,
    cast(net_revenue as decimal(24, 2)) as net_revenue,
    cast(contribution_3 as decimal(24, 2)) as contribution_3,
    cast(media as decimal(24, 2)) as media,
    cast(cast(net_revenue as decimal(28, 8)) / nullif(spent, 0) as decimal(18, 4)) as roas,
    cast(cast(contribution_2 as decimal(28, 8)) / nullif(spent, 0) as decimal(18, 4)) as poas,
    cast(cast(-returned as decimal(28, 8)) / nullif(sold, 0) as decimal(18, 4)) as return_rate
from narrowed
order by
    case kind when 'channel' then 1 when 'shared' then 2 when 'suspense' then 3 else 4 end,
    contribution_3 desc,
    channel
