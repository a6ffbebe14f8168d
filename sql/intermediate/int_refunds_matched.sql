-- One row per refund whose order, and line if it names one, is in this intake.
-- Currency: the refund's own; `order_rate` reverses the revenue at the rate of the order's day, `refund_rate` is what it cost.
-- `charged_amount` is in `order_currency`, whose rate on the order's day is `charged_rate`.
-- Left out: refunds whose order has not been found yet; they are carried to the next older intake.
select
    stg_refunds.*,
    int_orders_mapped.ordered_on as ordered_on,
    int_orders_mapped.sales_channel as sales_channel,
    int_orders_mapped.marketing_channel as marketing_channel,
    case
        when stg_refunds.line_no is null then int_orders_mapped.mapping_reason
        when int_order_lines_posted.suspense_reason = 'missing_fx_rate' then int_orders_mapped.mapping_reason
        else int_order_lines_posted.suspense_reason
    end as inherited_reason,
    int_orders_mapped.currency as order_currency,
    int_orders_mapped.fx_rate as charged_rate,
    int_order_lines_posted.sku as sku,
    int_order_lines_posted.units as sold_units,
    int_order_lines_posted.original_amount as charged_amount,
    case
        when stg_refunds.kind = 'return' and stg_refunds.disposition = 'restock'
            then product_cost_at(int_order_lines_posted.sku, int_orders_mapped.ordered_on)
    end as cost,
    case
        when stg_refunds.currency = $currency then 1.00000000
        else fx_rate_at(stg_refunds.currency, int_orders_mapped.ordered_on)
    end as order_rate,
    case
        when stg_refunds.currency = $currency then 1.00000000
        else fx_rate_at(stg_refunds.currency, stg_refunds.refunded_on)
    end as refund_rate
from stg_refunds
join int_orders_mapped
    on stg_refunds.order_id = int_orders_mapped.order_id
    and int_orders_mapped.is_counted
left join int_order_lines_posted
    on stg_refunds.order_id = int_order_lines_posted.order_id
    and stg_refunds.line_no = int_order_lines_posted.line_no
where stg_refunds.line_no is null or int_order_lines_posted.line_no is not null
