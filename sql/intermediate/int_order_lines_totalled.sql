-- One row per order: what its accepted lines come to, tax included, and their units.
-- Currency: the order's.
-- Left out: quarantined lines.
select
    stg_order_lines.order_id as order_id,
    cast(sum(
        stg_order_lines.list_amount
        - stg_order_lines.discount
        - stg_order_lines.platform_discount
        + stg_order_lines.tax
    ) as decimal(18,2)) as line_total,
    cast(sum(cast(stg_order_lines.quantity as decimal(20,0))) as decimal(20,0)) as line_units
from stg_order_lines
group by stg_order_lines.order_id
