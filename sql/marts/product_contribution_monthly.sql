-- One row per basis, SKU and marketing channel of one period. SKU `none`: rows that belong to no SKU.
-- Currency: reporting currency.
-- Left out: rows that no intake could place; they come from `int_products_unmatched`, as SKU `unknown`.
-- Order lines have few measures and one figure for both bases, all other rows are few: each is summed alone.
with sales as (
    select
        int_lines_by_product.sku as sku,
        int_lines_by_product.marketing_channel as marketing_channel,
        cast(sum(int_lines_by_product.units) as decimal(20,0)) as units,
        cast(sum(int_lines_by_product.gross_sales) as decimal(24,4)) as gross_sales,
        cast(sum(int_lines_by_product.discounts) as decimal(24,4)) as discounts,
        cast(sum(int_lines_by_product.platform_discounts) as decimal(24,4)) as platform_discounts,
        cast(sum(int_lines_by_product.product_cost) as decimal(24,4)) as product_cost,
        cast(sum(int_lines_by_product.landed_cost) as decimal(24,4)) as landed_cost,
        cast(sum(int_lines_by_product.tax) as decimal(24,4)) as tax
    from int_lines_by_product
    where int_lines_by_product.period = $period
    group by
        int_lines_by_product.sku,
        int_lines_by_product.marketing_channel
),

sales_by_basis as (
    select
        'booked' as basis,
        sales.*
    from sales
    union all
    select
        'cohort' as basis,
        sales.*
    from sales
),

bases as (
    select 'booked' as basis
    union all
    select 'cohort' as basis
),

rows as (
    select * from int_refunds_by_product
    union all by name
    select * from int_other_rows_by_product
),

others as (
    select
        bases.basis as basis,
        rows.sku as sku,
        rows.marketing_channel as marketing_channel,
        cast(sum(rows.units) as decimal(20,0)) as units,
        cast(sum(rows.platform_discounts) as decimal(24,4)) as platform_discounts,
        cast(sum(rows.shipping_income) as decimal(24,4)) as shipping_income,
        cast(sum(rows.returns) as decimal(24,4)) as returns,
        cast(sum(rows.allowances) as decimal(24,4)) as allowances,
        cast(sum(rows.refunded_shipping) as decimal(24,4)) as refunded_shipping,
        cast(sum(rows.cancellations) as decimal(24,4)) as cancellations,
        cast(sum(rows.chargebacks) as decimal(24,4)) as chargebacks,
        cast(sum(rows.cost_recovered) as decimal(24,4)) as cost_recovered,
        cast(sum(rows.write_downs) as decimal(24,4)) as write_downs,
        cast(sum(rows.carrier_cost) as decimal(24,4)) as carrier_cost,
        cast(sum(rows.handling_cost) as decimal(24,4)) as handling_cost,
        cast(sum(rows.return_logistics) as decimal(24,4)) as return_logistics,
        cast(sum(rows.payment_fees) as decimal(24,4)) as payment_fees,
        cast(sum(rows.marketplace_fees) as decimal(24,4)) as marketplace_fees,
        cast(sum(rows.media_spend) as decimal(24,4)) as media_spend,
        cast(sum(rows.media_credits) as decimal(24,4)) as media_credits,
        cast(sum(rows.affiliate_commission) as decimal(24,4)) as affiliate_commission,
        cast(sum(rows.tax) as decimal(24,4)) as tax,
        cast(sum(rows.footing_difference) as decimal(24,4)) as footing_difference,
        cast(sum(rows.fx_difference) as decimal(24,4)) as fx_difference
    from rows
    join bases
        on rows.basis = bases.basis
        or rows.basis = 'both'
    where rows.period = $period
    group by
        bases.basis,
        rows.sku,
        rows.marketing_channel
),

summed as (
    select
        coalesce(sales_by_basis.basis, others.basis) as basis,
        coalesce(sales_by_basis.sku, others.sku) as sku,
        coalesce(sales_by_basis.marketing_channel, others.marketing_channel) as marketing_channel,
        cast(coalesce(sales_by_basis.units, 0) + coalesce(others.units, 0) as decimal(20,0)) as units,
        cast(coalesce(sales_by_basis.gross_sales, 0.0000) as decimal(18,4)) as gross_sales,
        cast(coalesce(sales_by_basis.discounts, 0.0000) as decimal(18,4)) as discounts,
        cast(coalesce(sales_by_basis.platform_discounts, 0.0000) + coalesce(others.platform_discounts, 0.0000) as decimal(18,4)) as platform_discounts,
        cast(coalesce(others.shipping_income, 0.0000) as decimal(18,4)) as shipping_income,
        cast(coalesce(others.returns, 0.0000) as decimal(18,4)) as returns,
        cast(coalesce(others.allowances, 0.0000) as decimal(18,4)) as allowances,
        cast(coalesce(others.refunded_shipping, 0.0000) as decimal(18,4)) as refunded_shipping,
        cast(coalesce(others.cancellations, 0.0000) as decimal(18,4)) as cancellations,
        cast(coalesce(others.chargebacks, 0.0000) as decimal(18,4)) as chargebacks,
        cast(coalesce(sales_by_basis.product_cost, 0.0000) as decimal(18,4)) as product_cost,
        cast(coalesce(sales_by_basis.landed_cost, 0.0000) as decimal(18,4)) as landed_cost,
        cast(coalesce(others.cost_recovered, 0.0000) as decimal(18,4)) as cost_recovered,
        cast(coalesce(others.write_downs, 0.0000) as decimal(18,4)) as write_downs,
        cast(coalesce(others.carrier_cost, 0.0000) as decimal(18,4)) as carrier_cost,
        cast(coalesce(others.handling_cost, 0.0000) as decimal(18,4)) as handling_cost,
        cast(coalesce(others.return_logistics, 0.0000) as decimal(18,4)) as return_logistics,
        cast(coalesce(others.payment_fees, 0.0000) as decimal(18,4)) as payment_fees,
        cast(coalesce(others.marketplace_fees, 0.0000) as decimal(18,4)) as marketplace_fees,
        cast(coalesce(others.media_spend, 0.0000) as decimal(18,4)) as media_spend,
        cast(coalesce(others.media_credits, 0.0000) as decimal(18,4)) as media_credits,
        cast(coalesce(others.affiliate_commission, 0.0000) as decimal(18,4)) as affiliate_commission,
        cast(coalesce(sales_by_basis.tax, 0.0000) + coalesce(others.tax, 0.0000) as decimal(18,4)) as tax,
        cast(coalesce(others.footing_difference, 0.0000) as decimal(18,4)) as footing_difference,
        cast(coalesce(others.fx_difference, 0.0000) as decimal(18,4)) as fx_difference
    from sales_by_basis
    full join others
        on sales_by_basis.basis = others.basis
        and sales_by_basis.sku = others.sku
        and sales_by_basis.marketing_channel = others.marketing_channel
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
    $period as period,
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
