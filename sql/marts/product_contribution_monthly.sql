-- One row per basis, SKU and marketing channel of one period. SKU `none`: rows that belong to no SKU.
-- Currency: reporting currency.
-- Left out: rows that no intake could place; they come from `int_products_unmatched`, as SKU `unknown`.
with bases as (
    select 'booked' as basis
    union all
    select 'cohort' as basis
),

summed as (
    select
        int_contribution_by_product.period as period,
        bases.basis as basis,
        int_contribution_by_product.sku as sku,
        int_contribution_by_product.marketing_channel as marketing_channel,
        cast(sum(cast(int_contribution_by_product.units as decimal(20,0))) as decimal(20,0)) as units,
        cast(sum(int_contribution_by_product.gross_sales) as decimal(24,4)) as gross_sales,
        cast(sum(int_contribution_by_product.discounts) as decimal(24,4)) as discounts,
        cast(sum(int_contribution_by_product.platform_discounts) as decimal(24,4)) as platform_discounts,
        cast(sum(int_contribution_by_product.shipping_income) as decimal(24,4)) as shipping_income,
        cast(sum(int_contribution_by_product.returns) as decimal(24,4)) as returns,
        cast(sum(int_contribution_by_product.allowances) as decimal(24,4)) as allowances,
        cast(sum(int_contribution_by_product.refunded_shipping) as decimal(24,4)) as refunded_shipping,
        cast(sum(int_contribution_by_product.cancellations) as decimal(24,4)) as cancellations,
        cast(sum(int_contribution_by_product.chargebacks) as decimal(24,4)) as chargebacks,
        cast(sum(int_contribution_by_product.product_cost) as decimal(24,4)) as product_cost,
        cast(sum(int_contribution_by_product.landed_cost) as decimal(24,4)) as landed_cost,
        cast(sum(int_contribution_by_product.cost_recovered) as decimal(24,4)) as cost_recovered,
        cast(sum(int_contribution_by_product.write_downs) as decimal(24,4)) as write_downs,
        cast(sum(int_contribution_by_product.carrier_cost) as decimal(24,4)) as carrier_cost,
        cast(sum(int_contribution_by_product.handling_cost) as decimal(24,4)) as handling_cost,
        cast(sum(int_contribution_by_product.return_logistics) as decimal(24,4)) as return_logistics,
        cast(sum(int_contribution_by_product.payment_fees) as decimal(24,4)) as payment_fees,
        cast(sum(int_contribution_by_product.marketplace_fees) as decimal(24,4)) as marketplace_fees,
        cast(sum(int_contribution_by_product.media_spend) as decimal(24,4)) as media_spend,
        cast(sum(int_contribution_by_product.media_credits) as decimal(24,4)) as media_credits,
        cast(sum(int_contribution_by_product.affiliate_commission) as decimal(24,4)) as affiliate_commission,
        cast(sum(int_contribution_by_product.tax) as decimal(24,4)) as tax,
        cast(sum(int_contribution_by_product.footing_difference) as decimal(24,4)) as footing_difference,
        cast(sum(int_contribution_by_product.fx_difference) as decimal(24,4)) as fx_difference
    from int_contribution_by_product
    join bases
        on int_contribution_by_product.basis = bases.basis
        or int_contribution_by_product.basis = 'both'
    where int_contribution_by_product.period = $period
    group by
        int_contribution_by_product.period,
        bases.basis,
        int_contribution_by_product.sku,
        int_contribution_by_product.marketing_channel
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
    cast(after_delivery.contribution_2 + after_delivery.media_spend + after_delivery.media_credits + after_delivery.affiliate_commission as decimal(24,4)) as contribution_3,
    after_delivery.tax as tax,
    after_delivery.footing_difference as footing_difference,
    after_delivery.fx_difference as fx_difference
from after_delivery
