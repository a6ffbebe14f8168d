-- One row per period, SKU and marketing channel: the order lines of this intake, which are booked on the day of their order.
-- Currency: reporting currency.
-- Left out: nothing of `int_order_lines_posted`.
select
    period_of(int_order_lines_posted.booked_on) as period,
    int_order_lines_posted.sku as sku,
    int_order_lines_posted.marketing_channel as marketing_channel,
    cast(sum(cast(int_order_lines_posted.units as decimal(20,0))) as decimal(20,0)) as units,
    cast(sum(int_order_lines_posted.gross_sales) as decimal(24,4)) as gross_sales,
    cast(sum(int_order_lines_posted.discounts) as decimal(24,4)) as discounts,
    cast(sum(int_order_lines_posted.platform_discounts) as decimal(24,4)) as platform_discounts,
    cast(sum(int_order_lines_posted.product_cost) as decimal(24,4)) as product_cost,
    cast(sum(int_order_lines_posted.landed_cost) as decimal(24,4)) as landed_cost,
    cast(sum(int_order_lines_posted.tax) as decimal(24,4)) as tax
from int_order_lines_posted
group by
    period_of(int_order_lines_posted.booked_on),
    int_order_lines_posted.sku,
    int_order_lines_posted.marketing_channel
