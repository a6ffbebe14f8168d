-- One row per currency and fate of this intake's customers' orders: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        case when orders.ordered_at >= $as_of then 'after_as_of' else 'read' end as part,
        orders.currency as currency,
        orders.shipping_charged as shipping_charged,
        orders.shipping_discount as shipping_discount,
        orders.tax as tax,
        orders.order_total as order_total
    from orders
    union all
    select
        'quarantined' as part,
        orders_rejected.currency as currency,
        orders_rejected.shipping_charged as shipping_charged,
        orders_rejected.shipping_discount as shipping_discount,
        orders_rejected.tax as tax,
        orders_rejected.order_total as order_total
    from orders_rejected
    union all
    select
        'duplicates' as part,
        orders_duplicates.currency as currency,
        orders_duplicates.shipping_charged as shipping_charged,
        orders_duplicates.shipping_discount as shipping_discount,
        orders_duplicates.tax as tax,
        orders_duplicates.order_total as order_total
    from orders_duplicates
)

select
    'orders' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(
        coalesce(sum(parts.shipping_charged), 0.00)
        - coalesce(sum(parts.shipping_discount), 0.00)
    as decimal(24,4)) as amount,
    cast(coalesce(sum(parts.tax), 0.00) as decimal(24,4)) as tax,
    cast(coalesce(sum(parts.order_total), 0.00) as decimal(24,4)) as total
from parts
group by
    parts.currency,
    parts.part
