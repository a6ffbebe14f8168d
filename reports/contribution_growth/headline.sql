-- One row: orders of the period with everything that happened to them since (cohort basis), reporting currency.
-- mer = net revenue / all marketing, shared and unmapped included. Maturity: days since the period ended. The return rate is
-- null when no refunds are read at all.
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
)

select
    totals.net_revenue as net_revenue,
    totals.contribution_2 as contribution_2,
    totals.contribution_3 as contribution_3,
    totals.marketing as marketing,
    totals.not_mapped as not_mapped,
    uncosted.units <> 0 as has_uncosted,
    uncosted.units as uncosted_units,
    uncosted.sales as uncosted_sales,
    cast(cast(uncosted.sales as decimal(28, 8)) / nullif(totals.sold, 0) as decimal(18, 4)) as uncosted_share,
    totals.orders as orders,
    cast(
        cast(totals.net_revenue as decimal(28, 8)) / nullif(case when totals.marketing < 0 then -totals.marketing else 0 end, 0)
        as decimal(18, 4)
    ) as mer,
    cast(
        case when refunds.are_read then cast(-totals.returned as decimal(28, 8)) / nullif(totals.sold, 0) end
        as decimal(18, 4)
    ) as return_rate,
    greatest(cast($as_of_day - $period_end_day as bigint), 0) as maturity_days
from totals
cross join uncosted
cross join refunds
