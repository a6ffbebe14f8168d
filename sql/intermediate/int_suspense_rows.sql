-- One row per ledger row of this intake that is in suspense.
-- Currency: `amount` in reporting currency, without memos; `original_amount` in `original_currency`.
-- Left out: rows that no intake could place (`int_ledger_unmatched`).
select
    'orders' as stream,
    int_orders_posted.order_id as source_key,
    int_orders_posted.suspense_reason as suspense_reason,
    int_orders_posted.booked_on as booked_on,
    int_orders_posted.order_id as order_id,
    cast(null as varchar) as sku,
    int_orders_posted.sales_channel as sales_channel,
    cast(int_orders_posted.shipping_income as decimal(18,4)) as amount,
    int_orders_posted.original_amount as original_amount,
    int_orders_posted.original_currency as original_currency
from int_orders_posted
where int_orders_posted.suspense_reason is not null
union all
select
    'order_lines' as stream,
    concat_ws('|', int_order_lines_posted.order_id, cast(int_order_lines_posted.line_no as varchar)) as source_key,
    int_order_lines_posted.suspense_reason as suspense_reason,
    int_order_lines_posted.booked_on as booked_on,
    int_order_lines_posted.order_id as order_id,
    int_order_lines_posted.sku as sku,
    int_order_lines_posted.sales_channel as sales_channel,
    cast(
        int_order_lines_posted.gross_sales
        + int_order_lines_posted.discounts
        + int_order_lines_posted.platform_discounts
        + int_order_lines_posted.product_cost
        + int_order_lines_posted.landed_cost
    as decimal(18,4)) as amount,
    int_order_lines_posted.original_amount as original_amount,
    int_order_lines_posted.original_currency as original_currency
from int_order_lines_posted
where int_order_lines_posted.suspense_reason is not null
union all
select
    'refunds' as stream,
    int_refunds_posted.refund_id as source_key,
    int_refunds_posted.suspense_reason as suspense_reason,
    int_refunds_posted.booked_on as booked_on,
    int_refunds_posted.order_id as order_id,
    int_refunds_posted.sku as sku,
    int_refunds_posted.sales_channel as sales_channel,
    cast(
        int_refunds_posted.returns
        + int_refunds_posted.allowances
        + int_refunds_posted.refunded_shipping
        + int_refunds_posted.cancellations
        + int_refunds_posted.chargebacks
        + int_refunds_posted.cost_recovered
    as decimal(18,4)) as amount,
    int_refunds_posted.original_amount as original_amount,
    int_refunds_posted.original_currency as original_currency
from int_refunds_posted
where int_refunds_posted.suspense_reason is not null
union all
select
    'shipments' as stream,
    int_shipments_posted.shipment_id as source_key,
    int_shipments_posted.suspense_reason as suspense_reason,
    int_shipments_posted.booked_on as booked_on,
    int_shipments_posted.order_id as order_id,
    cast(null as varchar) as sku,
    int_shipments_posted.sales_channel as sales_channel,
    cast(int_shipments_posted.carrier_cost + int_shipments_posted.handling_cost + int_shipments_posted.return_logistics as decimal(18,4)) as amount,
    int_shipments_posted.original_amount as original_amount,
    int_shipments_posted.original_currency as original_currency
from int_shipments_posted
where int_shipments_posted.suspense_reason is not null
union all
select
    'fees' as stream,
    int_fees_posted.fee_id as source_key,
    int_fees_posted.suspense_reason as suspense_reason,
    int_fees_posted.booked_on as booked_on,
    int_fees_posted.order_id as order_id,
    cast(null as varchar) as sku,
    int_fees_posted.sales_channel as sales_channel,
    cast(
        int_fees_posted.platform_discounts
        + int_fees_posted.chargebacks
        + int_fees_posted.write_downs
        + int_fees_posted.payment_fees
        + int_fees_posted.marketplace_fees
        + int_fees_posted.affiliate_commission
    as decimal(18,4)) as amount,
    int_fees_posted.original_amount as original_amount,
    int_fees_posted.original_currency as original_currency
from int_fees_posted
where int_fees_posted.suspense_reason is not null
union all
select
    'spend' as stream,
    int_spend_posted.spend_key as source_key,
    int_spend_posted.suspense_reason as suspense_reason,
    int_spend_posted.booked_on as booked_on,
    cast(null as varchar) as order_id,
    cast(null as varchar) as sku,
    int_spend_posted.sales_channel as sales_channel,
    cast(int_spend_posted.media_spend + int_spend_posted.media_credits as decimal(18,4)) as amount,
    int_spend_posted.original_amount as original_amount,
    int_spend_posted.original_currency as original_currency
from int_spend_posted
where int_spend_posted.suspense_reason is not null
