-- One row per period and basis: rows whose order or line is unknown, and so their SKU.
-- Currency: reporting currency.
-- Left out: nothing of `int_ledger_unmatched`.
with bases as (
    select 'booked' as basis
    union all
    select 'cohort' as basis
),

summed as (
    select
        period_of(int_ledger_unmatched.booked_on) as period,
        bases.basis as basis,
        'unknown' as sku,
        int_ledger_unmatched.marketing_channel as marketing_channel,
        cast(sum(cast(int_ledger_unmatched.units as decimal(20,0))) as decimal(20,0)) as units,
        cast(sum(int_ledger_unmatched.gross_sales) as decimal(18,4)) as gross_sales,
        cast(sum(int_ledger_unmatched.discounts) as decimal(18,4)) as discounts,
        cast(sum(int_ledger_unmatched.platform_discounts) as decimal(18,4)) as platform_discounts,
        cast(sum(int_ledger_unmatched.shipping_income) as decimal(18,4)) as shipping_income,
        cast(sum(int_ledger_unmatched.returns) as decimal(18,4)) as returns,
        cast(sum(int_ledger_unmatched.allowances) as decimal(18,4)) as allowances,
        cast(sum(int_ledger_unmatched.refunded_shipping) as decimal(18,4)) as refunded_shipping,
        cast(sum(int_ledger_unmatched.cancellations) as decimal(18,4)) as cancellations,
        cast(sum(int_ledger_unmatched.chargebacks) as decimal(18,4)) as chargebacks,
        cast(sum(int_ledger_unmatched.product_cost) as decimal(18,4)) as product_cost,
        cast(sum(int_ledger_unmatched.landed_cost) as decimal(18,4)) as landed_cost,
        cast(sum(int_ledger_unmatched.cost_recovered) as decimal(18,4)) as cost_recovered,
        cast(sum(int_ledger_unmatched.write_downs) as decimal(18,4)) as write_downs,
        cast(sum(int_ledger_unmatched.carrier_cost) as decimal(18,4)) as carrier_cost,
        cast(sum(int_ledger_unmatched.handling_cost) as decimal(18,4)) as handling_cost,
        cast(sum(int_ledger_unmatched.return_logistics) as decimal(18,4)) as return_logistics,
        cast(sum(int_ledger_unmatched.payment_fees) as decimal(18,4)) as payment_fees,
        cast(sum(int_ledger_unmatched.marketplace_fees) as decimal(18,4)) as marketplace_fees,
        cast(sum(int_ledger_unmatched.media_spend) as decimal(18,4)) as media_spend,
        cast(sum(int_ledger_unmatched.media_credits) as decimal(18,4)) as media_credits,
        cast(sum(int_ledger_unmatched.affiliate_commission) as decimal(18,4)) as affiliate_commission,
        cast(sum(int_ledger_unmatched.tax) as decimal(18,4)) as tax,
        cast(sum(int_ledger_unmatched.footing_difference) as decimal(18,4)) as footing_difference,
        cast(sum(int_ledger_unmatched.fx_difference) as decimal(18,4)) as fx_difference
    from int_ledger_unmatched
    join bases
        on bases.basis is not null
    group by
        period_of(int_ledger_unmatched.booked_on),
        bases.basis,
        int_ledger_unmatched.marketing_channel
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
        as decimal(18,4)) as net_revenue
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
        as decimal(18,4)) as contribution_1
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
        as decimal(18,4)) as contribution_2
    from after_goods
)

select
    after_delivery.period as period,
    after_delivery.basis as basis,
    after_delivery.sku as sku,
    after_delivery.marketing_channel as marketing_channel,
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
    cast(after_delivery.contribution_2 + after_delivery.media_spend + after_delivery.media_credits + after_delivery.affiliate_commission as decimal(18,4)) as contribution_3,
    after_delivery.tax as tax,
    after_delivery.footing_difference as footing_difference,
    after_delivery.fx_difference as fx_difference
from after_delivery
