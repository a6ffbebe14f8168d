-- One row per order line.
-- Currency: the order's, which only the order knows.
-- Left out: nothing. `arrival_month` is the only date a line has of itself.
select
    order_lines.order_id as order_id,
    order_lines.line_no as line_no,
    order_lines.month as arrival_month,
    order_lines.sku as sku,
    order_lines.quantity as quantity,
    cast(order_lines.list_price * order_lines.quantity as decimal(18,2)) as list_amount,
    order_lines.discount as discount,
    order_lines.platform_discount as platform_discount,
    order_lines.tax as tax
from order_lines
