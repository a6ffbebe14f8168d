-- One row per order.
-- Currency: the order's own.
-- Left out: nothing. Orders at or after the as-of are marked, so that their lines can be told from lines without an order.
select
    orders.order_id as order_id,
    local_day(orders.ordered_at) as ordered_on,
    orders.ordered_at < $as_of as is_counted,
    orders.sales_channel as sales_channel,
    coalesce(orders.utm_source, '') as utm_source,
    coalesce(orders.utm_medium, '') as utm_medium,
    coalesce(orders.utm_campaign, '') as utm_campaign,
    coalesce(orders.affiliate_id, '') as affiliate_id,
    orders.currency as currency,
    cast(orders.shipping_charged - orders.shipping_discount as decimal(18,2)) as shipping_amount,
    orders.tax as tax,
    orders.order_total as order_total
from orders
