-- One row per day booked, day of the order, channels, currency and reason for suspense: the order lines of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_order_lines_posted`.
select
    'order_lines' as stream,
    int_order_lines_posted.booked_on as booked_on,
    int_order_lines_posted.ordered_on as ordered_on,
    int_order_lines_posted.sales_channel as sales_channel,
    int_order_lines_posted.marketing_channel as marketing_channel,
    int_order_lines_posted.original_currency as original_currency,
    int_order_lines_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(cast(int_order_lines_posted.units as decimal(20,0))) as units,
    sum(cast(int_order_lines_posted.costed_units as decimal(20,0))) as costed_units,
    sum(int_order_lines_posted.gross_sales) as gross_sales,
    sum(int_order_lines_posted.discounts) as discounts,
    sum(int_order_lines_posted.platform_discounts) as platform_discounts,
    sum(int_order_lines_posted.product_cost) as product_cost,
    sum(int_order_lines_posted.landed_cost) as landed_cost,
    sum(int_order_lines_posted.tax) as tax,
    sum(int_order_lines_posted.original_tax) as original_tax,
    sum(int_order_lines_posted.original_amount) as original_amount
from int_order_lines_posted
group by
    int_order_lines_posted.booked_on,
    int_order_lines_posted.ordered_on,
    int_order_lines_posted.sales_channel,
    int_order_lines_posted.marketing_channel,
    int_order_lines_posted.original_currency,
    int_order_lines_posted.suspense_reason
