-- One row: orders of the period with everything that happened to them since (cohort basis), reporting currency.
-- mer = net revenue / all marketing, shared and unmapped included. Maturity: days since the month ended.
with totals as (
    select
        cast(sum(net_revenue) as decimal(24, 4)) as net_revenue,
        cast(sum(contribution_2) as decimal(24, 4)) as contribution_2,
        cast(sum(contribution_3) as decimal(24, 4)) as contribution_3,
        cast(sum(media_spend + media_credits + affiliate_commission) as decimal(24, 4)) as marketing,
        cast(sum(gross_sales + discounts + platform_discounts) as decimal(24, 4)) as sold,
        cast(sum(returns) as decimal(24, 4)) as returned,
        cast(
            sum(
                case
                    when marketing_channel = 'suspense' then media_spend + media_credits + affiliate_commission
                    else 0
                end
            ) as decimal(24, 4)
        ) as not_mapped,
        sum(cast(orders as decimal(20, 0))) as orders
    from channel_contribution_monthly
    where period = $period
        and basis = 'cohort'
)

select
    cast(net_revenue as decimal(24, 2)) as net_revenue,
    cast(contribution_2 as decimal(24, 2)) as contribution_2,
    cast(contribution_3 as decimal(24, 2)) as contribution_3,
    cast(marketing as decimal(24, 2)) as marketing,
    cast(not_mapped as decimal(24, 2)) as not_mapped,
    orders as orders,
    cast(cast(net_revenue as decimal(28, 8)) / nullif(case when marketing < 0 then -marketing else 0 end, 0) as decimal(18, 4)) as mer,
    cast(cast(-returned as decimal(28, 8)) / nullif(sold, 0) as decimal(18, 4)) as return_rate,
    greatest(
        cast(cast($as_of as date) as integer)
        - cast(cast(cast($period || '-01' as date) + interval '1 month' as date) as integer),
        0
    ) as maturity_days
from totals
