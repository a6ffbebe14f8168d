-- One row: the lines of this intake's orders at or after the as-of, which do not count yet.
-- Currency: the orders' own, taken together.
-- Left out: lines that count.
select
    'order_lines' as stream,
    'all' as currency,
    cast(count(*) as decimal(20,0)) as row_count,
    coalesce(sum(cast(stg_order_lines.quantity as decimal(20,0))), 0) as units,
    cast(coalesce(sum(
        stg_order_lines.list_amount - stg_order_lines.discount - stg_order_lines.platform_discount
    ), 0.00) as decimal(24,4)) as amount,
    cast(coalesce(sum(stg_order_lines.tax), 0.00) as decimal(24,4)) as tax
from stg_order_lines
join int_orders_mapped
    on stg_order_lines.order_id = int_orders_mapped.order_id
where not int_orders_mapped.is_counted
