-- One row per day booked, day of the order, channels, currency and reason for suspense: the orders of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_orders_posted`.
select
    'orders' as stream,
    int_orders_posted.booked_on as booked_on,
    int_orders_posted.ordered_on as ordered_on,
    int_orders_posted.sales_channel as sales_channel,
    int_orders_posted.marketing_channel as marketing_channel,
    int_orders_posted.original_currency as original_currency,
    int_orders_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(int_orders_posted.shipping_income) as shipping_income,
    sum(int_orders_posted.tax) as tax,
    sum(int_orders_posted.footing_difference) as footing_difference,
    sum(int_orders_posted.original_difference) as original_difference,
    sum(int_orders_posted.original_unstated) as original_unstated,
    sum(int_orders_posted.original_tax) as original_tax,
    sum(int_orders_posted.original_amount) as original_amount
from int_orders_posted
group by
    int_orders_posted.booked_on,
    int_orders_posted.ordered_on,
    int_orders_posted.sales_channel,
    int_orders_posted.marketing_channel,
    int_orders_posted.original_currency,
    int_orders_posted.suspense_reason
