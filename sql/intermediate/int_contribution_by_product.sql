-- One row per basis, period, SKU, marketing channel and kind of row, of this intake.
-- Currency: reporting currency.
-- Left out: rows that no intake could place (`int_products_unmatched`).
with rows as (
    select * from int_lines_by_product
    union all by name
    select * from int_refunds_by_product
    union all by name
    select * from int_other_rows_by_product
)

select
    rows.basis as basis,
    rows.period as period,
    rows.sku as sku,
    rows.marketing_channel as marketing_channel,
    cast(coalesce(rows.units, 0) as decimal(20,0)) as units,
    cast(coalesce(rows.gross_sales, 0.0000) as decimal(24,4)) as gross_sales,
    cast(coalesce(rows.discounts, 0.0000) as decimal(24,4)) as discounts,
    cast(coalesce(rows.platform_discounts, 0.0000) as decimal(24,4)) as platform_discounts,
    cast(coalesce(rows.shipping_income, 0.0000) as decimal(24,4)) as shipping_income,
    cast(coalesce(rows.returns, 0.0000) as decimal(24,4)) as returns,
    cast(coalesce(rows.allowances, 0.0000) as decimal(24,4)) as allowances,
    cast(coalesce(rows.refunded_shipping, 0.0000) as decimal(24,4)) as refunded_shipping,
    cast(coalesce(rows.cancellations, 0.0000) as decimal(24,4)) as cancellations,
    cast(coalesce(rows.chargebacks, 0.0000) as decimal(24,4)) as chargebacks,
    cast(coalesce(rows.product_cost, 0.0000) as decimal(24,4)) as product_cost,
    cast(coalesce(rows.landed_cost, 0.0000) as decimal(24,4)) as landed_cost,
    cast(coalesce(rows.cost_recovered, 0.0000) as decimal(24,4)) as cost_recovered,
    cast(coalesce(rows.write_downs, 0.0000) as decimal(24,4)) as write_downs,
    cast(coalesce(rows.carrier_cost, 0.0000) as decimal(24,4)) as carrier_cost,
    cast(coalesce(rows.handling_cost, 0.0000) as decimal(24,4)) as handling_cost,
    cast(coalesce(rows.return_logistics, 0.0000) as decimal(24,4)) as return_logistics,
    cast(coalesce(rows.payment_fees, 0.0000) as decimal(24,4)) as payment_fees,
    cast(coalesce(rows.marketplace_fees, 0.0000) as decimal(24,4)) as marketplace_fees,
    cast(coalesce(rows.media_spend, 0.0000) as decimal(24,4)) as media_spend,
    cast(coalesce(rows.media_credits, 0.0000) as decimal(24,4)) as media_credits,
    cast(coalesce(rows.affiliate_commission, 0.0000) as decimal(24,4)) as affiliate_commission,
    cast(coalesce(rows.tax, 0.0000) as decimal(24,4)) as tax,
    cast(coalesce(rows.footing_difference, 0.0000) as decimal(24,4)) as footing_difference,
    cast(coalesce(rows.fx_difference, 0.0000) as decimal(24,4)) as fx_difference
from rows
