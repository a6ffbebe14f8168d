-- One row per stream, day booked, day of the order, channels, currency and reason for suspense, of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
with streams as (
    select * from int_orders_by_day
    union all by name
    select * from int_order_lines_by_day
    union all by name
    select * from int_refunds_by_day
    union all by name
    select * from int_shipments_by_day
    union all by name
    select * from int_fees_by_day
    union all by name
    select * from int_spend_by_day
)

select
    streams.stream as stream,
    streams.booked_on as booked_on,
    streams.ordered_on as ordered_on,
    streams.sales_channel as sales_channel,
    streams.marketing_channel as marketing_channel,
    streams.original_currency as original_currency,
    streams.suspense_reason as suspense_reason,
    streams.row_count as row_count,
    cast(coalesce(streams.units, 0) as decimal(20,0)) as units,
    cast(coalesce(streams.costed_units, 0) as decimal(20,0)) as costed_units,
    cast(coalesce(streams.gross_sales, 0.0000) as decimal(24,4)) as gross_sales,
    cast(coalesce(streams.discounts, 0.0000) as decimal(24,4)) as discounts,
    cast(coalesce(streams.platform_discounts, 0.0000) as decimal(24,4)) as platform_discounts,
    cast(coalesce(streams.shipping_income, 0.0000) as decimal(24,4)) as shipping_income,
    cast(coalesce(streams.returns, 0.0000) as decimal(24,4)) as returns,
    cast(coalesce(streams.allowances, 0.0000) as decimal(24,4)) as allowances,
    cast(coalesce(streams.refunded_shipping, 0.0000) as decimal(24,4)) as refunded_shipping,
    cast(coalesce(streams.cancellations, 0.0000) as decimal(24,4)) as cancellations,
    cast(coalesce(streams.chargebacks, 0.0000) as decimal(24,4)) as chargebacks,
    cast(coalesce(streams.product_cost, 0.0000) as decimal(24,4)) as product_cost,
    cast(coalesce(streams.landed_cost, 0.0000) as decimal(24,4)) as landed_cost,
    cast(coalesce(streams.cost_recovered, 0.0000) as decimal(24,4)) as cost_recovered,
    cast(coalesce(streams.write_downs, 0.0000) as decimal(24,4)) as write_downs,
    cast(coalesce(streams.carrier_cost, 0.0000) as decimal(24,4)) as carrier_cost,
    cast(coalesce(streams.handling_cost, 0.0000) as decimal(24,4)) as handling_cost,
    cast(coalesce(streams.return_logistics, 0.0000) as decimal(24,4)) as return_logistics,
    cast(coalesce(streams.payment_fees, 0.0000) as decimal(24,4)) as payment_fees,
    cast(coalesce(streams.marketplace_fees, 0.0000) as decimal(24,4)) as marketplace_fees,
    cast(coalesce(streams.media_spend, 0.0000) as decimal(24,4)) as media_spend,
    cast(coalesce(streams.media_credits, 0.0000) as decimal(24,4)) as media_credits,
    cast(coalesce(streams.affiliate_commission, 0.0000) as decimal(24,4)) as affiliate_commission,
    cast(coalesce(streams.tax, 0.0000) as decimal(24,4)) as tax,
    cast(coalesce(streams.footing_difference, 0.0000) as decimal(24,4)) as footing_difference,
    cast(coalesce(streams.fx_difference, 0.0000) as decimal(24,4)) as fx_difference,
    cast(coalesce(streams.original_difference, 0.00) as decimal(24,4)) as original_difference,
    cast(coalesce(streams.original_unstated, 0.00) as decimal(24,4)) as original_unstated,
    cast(coalesce(streams.original_tax, 0.00) as decimal(24,4)) as original_tax,
    cast(coalesce(streams.original_credit, 0.00) as decimal(24,4)) as original_credit,
    cast(streams.original_amount as decimal(24,4)) as original_amount
from streams
