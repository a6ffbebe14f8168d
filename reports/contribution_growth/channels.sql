-- One row per marketing channel, then shared spend, spend and orders in suspense, and the company.
-- Below suspense a memo says how much of its net revenue is sales of goods without cost, whose contribution nobody knows.
-- Cohort basis, reporting currency; a ratio is null where nothing was spent or sold: credits alone are no spend. POAS is null
-- where cost is missing: in suspense at all, for the company beyond `uncosted_sales_warn`. The return rate is null when no
-- refunds are read.
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

refunds as (
    select count(*) > 0 as are_read
    from reconciliation
    where stream = 'refunds'
        and identity = 'conservation'
),

narrowed as (
    select
        kind,
        channel,
        refunds.are_read,
        case
            when kind = 'suspense' then uncosted.units <> 0
            when kind = 'total' then uncosted.sales > cast($uncosted_sales_warn as decimal(9, 6)) * cast(sold as decimal(24, 4))
            else false
        end as lacks_cost,
        cast(net_revenue as decimal(24, 4)) as net_revenue,
        cast(contribution_2 as decimal(24, 4)) as contribution_2,
        cast(contribution_3 as decimal(24, 4)) as contribution_3,
        cast(media as decimal(24, 4)) as media,
        cast(case when media < 0 then -media else 0 end as decimal(24, 4)) as spent,
        cast(sold as decimal(24, 4)) as sold,
        cast(returned as decimal(24, 4)) as returned
    from listed
    cross join uncosted
    cross join refunds
),

printed as (
    select
        kind as kind,
        channel as channel,
        net_revenue as net_revenue,
        contribution_3 as contribution_3,
        media as media,
        cast(cast(net_revenue as decimal(28, 8)) / nullif(spent, 0) as decimal(18, 4)) as roas,
        cast(
            case when not lacks_cost then cast(contribution_2 as decimal(28, 8)) / nullif(spent, 0) end
            as decimal(18, 4)
        ) as poas,
        cast(case when are_read then cast(-returned as decimal(28, 8)) / nullif(sold, 0) end as decimal(18, 4)) as return_rate
    from narrowed
    union all
    select
        'memo' as kind,
        'of which goods without cost' as channel,
        sales as net_revenue,
        null as contribution_3,
        null as media,
        null as roas,
        null as poas,
        null as return_rate
    from uncosted
    where units <> 0
)

select
    kind as kind,
    channel as channel,
    net_revenue as net_revenue,
    contribution_3 as contribution_3,
    media as media,
    roas as roas,
    poas as poas,
    return_rate as return_rate
from printed
order by
    case kind when 'channel' then 1 when 'shared' then 2 when 'suspense' then 3 when 'memo' then 4 else 5 end,
    contribution_3 desc,
    channel
