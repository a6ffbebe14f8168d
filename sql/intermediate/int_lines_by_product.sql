-- One row per period, SKU and marketing channel: the order lines of this intake, which are booked on the day of their order.
-- Currency: reporting currency.
-- Left out: nothing of `int_order_lines_posted`.
select
    'both' as basis,
    period_of(int_order_lines_posted.booked_on) as period,
    int_order_lines_posted.sku as sku,
    int_order_lines_posted.marketing_channel as marketing_channel,
    sum(cast(int_order_lines_posted.units as decimal(20,0))) as units,
    sum(int_order_lines_posted.gross_sales) as gross_sales,
    sum(int_order_lines_posted.discounts) as discounts,
    sum(int_order_lines_posted.platform_discounts) as platform_discounts,
    sum(int_order_lines_posted.product_cost) as product_cost,
    sum(int_order_lines_posted.landed_cost) as landed_cost,
    sum(int_order_lines_posted.tax) as tax
from int_order_lines_posted
group by
    period_of(int_order_lines_posted.booked_on),
    int_order_lines_posted.sku,
    int_order_lines_posted.marketing_channel
