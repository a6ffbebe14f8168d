-- One row per day, basis and channels.
-- Currency: reporting currency.
-- Left out: days on which nothing happened.
with bases as (
    select 'booked' as basis
    union all
    select 'cohort' as basis
),

days as (
    select * from int_contribution_by_day
    union all by name
    select
        'both' as basis,
        int_ledger_unmatched.booked_on as day,
        int_ledger_unmatched.sales_channel as sales_channel,
        int_ledger_unmatched.marketing_channel as marketing_channel,
        cast(0 as decimal(20,0)) as orders,
        cast(int_ledger_unmatched.units as decimal(20,0)) as units,
        int_ledger_unmatched.gross_sales as gross_sales,
        int_ledger_unmatched.discounts as discounts,
        int_ledger_unmatched.platform_discounts as platform_discounts,
        int_ledger_unmatched.shipping_income as shipping_income,
        int_ledger_unmatched.returns as returns,
        int_ledger_unmatched.allowances as allowances,
        int_ledger_unmatched.refunded_shipping as refunded_shipping,
        int_ledger_unmatched.cancellations as cancellations,
        int_ledger_unmatched.chargebacks as chargebacks,
        int_ledger_unmatched.product_cost as product_cost,
        int_ledger_unmatched.landed_cost as landed_cost,
        int_ledger_unmatched.cost_recovered as cost_recovered,
        int_ledger_unmatched.write_downs as write_downs,
        int_ledger_unmatched.carrier_cost as carrier_cost,
        int_ledger_unmatched.handling_cost as handling_cost,
        int_ledger_unmatched.return_logistics as return_logistics,
        int_ledger_unmatched.payment_fees as payment_fees,
        int_ledger_unmatched.marketplace_fees as marketplace_fees,
        int_ledger_unmatched.media_spend as media_spend,
        int_ledger_unmatched.media_credits as media_credits,
        int_ledger_unmatched.affiliate_commission as affiliate_commission,
        int_ledger_unmatched.tax as tax,
        int_ledger_unmatched.footing_difference as footing_difference,
        int_ledger_unmatched.fx_difference as fx_difference
    from int_ledger_unmatched
),

summed as (
    select
        days.day as day,
        period_of(days.day) as period,
        bases.basis as basis,
        days.sales_channel as sales_channel,
        days.marketing_channel as marketing_channel,
        cast(sum(cast(days.orders as decimal(20,0))) as decimal(20,0)) as orders,
        cast(sum(cast(days.units as decimal(20,0))) as decimal(20,0)) as units,
        cast(sum(cast(days.gross_sales as decimal(24,4))) as decimal(24,4)) as gross_sales,
        cast(sum(cast(days.discounts as decimal(24,4))) as decimal(24,4)) as discounts,
        cast(sum(cast(days.platform_discounts as decimal(24,4))) as decimal(24,4)) as platform_discounts,
        cast(sum(cast(days.shipping_income as decimal(24,4))) as decimal(24,4)) as shipping_income,
        cast(sum(cast(days.returns as decimal(24,4))) as decimal(24,4)) as returns,
        cast(sum(cast(days.allowances as decimal(24,4))) as decimal(24,4)) as allowances,
        cast(sum(cast(days.refunded_shipping as decimal(24,4))) as decimal(24,4)) as refunded_shipping,
        cast(sum(cast(days.cancellations as decimal(24,4))) as decimal(24,4)) as cancellations,
        cast(sum(cast(days.chargebacks as decimal(24,4))) as decimal(24,4)) as chargebacks,
        cast(sum(cast(days.product_cost as decimal(24,4))) as decimal(24,4)) as product_cost,
        cast(sum(cast(days.landed_cost as decimal(24,4))) as decimal(24,4)) as landed_cost,
        cast(sum(cast(days.cost_recovered as decimal(24,4))) as decimal(24,4)) as cost_recovered,
        cast(sum(cast(days.write_downs as decimal(24,4))) as decimal(24,4)) as write_downs,
        cast(sum(cast(days.carrier_cost as decimal(24,4))) as decimal(24,4)) as carrier_cost,
        cast(sum(cast(days.handling_cost as decimal(24,4))) as decimal(24,4)) as handling_cost,
        cast(sum(cast(days.return_logistics as decimal(24,4))) as decimal(24,4)) as return_logistics,
        cast(sum(cast(days.payment_fees as decimal(24,4))) as decimal(24,4)) as payment_fees,
        cast(sum(cast(days.marketplace_fees as decimal(24,4))) as decimal(24,4)) as marketplace_fees,
        cast(sum(cast(days.media_spend as decimal(24,4))) as decimal(24,4)) as media_spend,
        cast(sum(cast(days.media_credits as decimal(24,4))) as decimal(24,4)) as media_credits,
        cast(sum(cast(days.affiliate_commission as decimal(24,4))) as decimal(24,4)) as affiliate_commission,
        cast(sum(cast(days.tax as decimal(24,4))) as decimal(24,4)) as tax,
        cast(sum(cast(days.footing_difference as decimal(24,4))) as decimal(24,4)) as footing_difference,
        cast(sum(cast(days.fx_difference as decimal(24,4))) as decimal(24,4)) as fx_difference
    from days
    join bases
        on days.basis = bases.basis
        or days.basis = 'both'
    group by
        days.day,
        bases.basis,
        days.sales_channel,
        days.marketing_channel
),

earned as (
    select
        summed.*,
        cast(
            summed.gross_sales
            + summed.discounts
            + summed.platform_discounts
            + summed.shipping_income
            + summed.returns
            + summed.allowances
            + summed.refunded_shipping
            + summed.cancellations
            + summed.chargebacks
        as decimal(24,4)) as net_revenue
    from summed
),

after_goods as (
    select
        earned.*,
        cast(
            earned.net_revenue
            + earned.product_cost
            + earned.landed_cost
            + earned.cost_recovered
            + earned.write_downs
        as decimal(24,4)) as contribution_1
    from earned
),

after_delivery as (
    select
        after_goods.*,
        cast(
            after_goods.contribution_1
            + after_goods.carrier_cost
            + after_goods.handling_cost
            + after_goods.return_logistics
            + after_goods.payment_fees
            + after_goods.marketplace_fees
        as decimal(24,4)) as contribution_2
    from after_goods
)

select
    after_delivery.day as day,
    after_delivery.period as period,
    after_delivery.basis as basis,
    after_delivery.sales_channel as sales_channel,
    after_delivery.marketing_channel as marketing_channel,
    after_delivery.orders as orders,
    after_delivery.units as units,
    after_delivery.gross_sales as gross_sales,
    after_delivery.discounts as discounts,
    after_delivery.platform_discounts as platform_discounts,
    after_delivery.shipping_income as shipping_income,
    after_delivery.returns as returns,
    after_delivery.allowances as allowances,
    after_delivery.refunded_shipping as refunded_shipping,
    after_delivery.cancellations as cancellations,
    after_delivery.chargebacks as chargebacks,
    after_delivery.product_cost as product_cost,
    after_delivery.landed_cost as landed_cost,
    after_delivery.cost_recovered as cost_recovered,
    after_delivery.write_downs as write_downs,
    after_delivery.carrier_cost as carrier_cost,
    after_delivery.handling_cost as handling_cost,
    after_delivery.return_logistics as return_logistics,
    after_delivery.payment_fees as payment_fees,
    after_delivery.marketplace_fees as marketplace_fees,
    after_delivery.media_spend as media_spend,
    after_delivery.media_credits as media_credits,
    after_delivery.affiliate_commission as affiliate_commission,
    after_delivery.net_revenue as net_revenue,
    after_delivery.contribution_1 as contribution_1,
    after_delivery.contribution_2 as contribution_2,
    cast(after_delivery.contribution_2 + after_delivery.media_spend + after_delivery.media_credits + after_delivery.affiliate_commission as decimal(24,4)) as contribution_3,
    after_delivery.tax as tax,
    after_delivery.footing_difference as footing_difference,
    after_delivery.fx_difference as fx_difference
from after_delivery
