-- One row: the period's booked figures, suspense included.
-- Amounts in reporting currency. mer = net revenue / all marketing, shared and unmapped included. Suspense is summed without
-- sign, so that income and cost do not cancel out. Margin is null where net revenue is not positive, and where more sales
-- than `uncosted_sales_warn` allows have no cost.
with totals as (
    select
        cast(sum(net_revenue) as decimal(24, 4)) as net_revenue,
        cast(sum(contribution_1) as decimal(24, 4)) as contribution_1,
        cast(sum(contribution_2) as decimal(24, 4)) as contribution_2,
        cast(sum(contribution_3) as decimal(24, 4)) as contribution_3,
        cast(sum(media_spend + media_credits + affiliate_commission) as decimal(24, 4)) as marketing,
        cast(sum(gross_sales + discounts + platform_discounts) as decimal(24, 4)) as sold,
        sum(cast(orders as decimal(20, 0))) as orders
    from channel_contribution_monthly
    where period = $period
        and basis = 'booked'
),

items as (
    select
        cast(coalesce(sum(case when period = $period then abs(amount) else 0 end), 0) as decimal(24, 4)) as suspense,
        cast(coalesce(sum(case when period = $period and amount > 0 then amount else 0 end), 0) as decimal(24, 4)) as suspense_income,
        cast(coalesce(sum(case when period = $period and amount < 0 then amount else 0 end), 0) as decimal(24, 4)) as suspense_cost,
        coalesce(sum(case when period = $period then cast(0 as decimal(20, 0)) else cast(1 as decimal(20, 0)) end), 0) as items_of_other_periods
    from suspense_items
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

joined as (
    select
        totals.*,
        items.*,
        uncosted.units as uncosted_units,
        uncosted.sales as uncosted_sales,
        cast(cast(uncosted.sales as decimal(28, 8)) / nullif(totals.sold, 0) as decimal(18, 4)) as uncosted_share
    from totals
    cross join items
    cross join uncosted
)

select
    net_revenue as net_revenue,
    contribution_1 as contribution_1,
    contribution_2 as contribution_2,
    contribution_3 as contribution_3,
    marketing as marketing,
    suspense as suspense,
    suspense_income as suspense_income,
    suspense_cost as suspense_cost,
    items_of_other_periods as items_of_other_periods,
    uncosted_units <> 0 as has_uncosted,
    uncosted_units as uncosted_units,
    uncosted_sales as uncosted_sales,
    uncosted_share as uncosted_share,
    orders as orders,
    cast(
        case
            when net_revenue <= 0 or coalesce(uncosted_share, 0) > cast($uncosted_sales_warn as decimal(9, 6)) then null
            else cast(contribution_3 as decimal(28, 8)) / nullif(net_revenue, 0)
        end
        as decimal(18, 4)
    ) as margin,
    cast(cast(net_revenue as decimal(28, 8)) / nullif(case when marketing < 0 then -marketing else 0 end, 0) as decimal(18, 4)) as mer
from joined
