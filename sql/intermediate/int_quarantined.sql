-- One row per quarantined row of this intake, with its raw content.
-- Currency: the row's own; an amount that cannot be read counts nothing.
-- Left out: quarantined rows of tables that are read whole (`quarantined_rows` adds them).
select
    'orders' as stream,
    orders_rejected.source_key as source_key,
    orders_rejected.reject_reason as reject_reason,
    coalesce(orders_rejected.order_total, 0.00) as amount,
    coalesce(orders_rejected.currency, '') as currency,
    orders_rejected.content as content,
    orders_rejected.source_file as source_file
from orders_rejected
union all
select
    'order_lines' as stream,
    order_lines_rejected.source_key as source_key,
    order_lines_rejected.reject_reason as reject_reason,
    cast(
        coalesce(order_lines_rejected.list_price * order_lines_rejected.quantity, 0.00)
        - coalesce(order_lines_rejected.discount, 0.00)
        - coalesce(order_lines_rejected.platform_discount, 0.00)
    as decimal(24,2)) as amount,
    '' as currency,
    order_lines_rejected.content as content,
    order_lines_rejected.source_file as source_file
from order_lines_rejected
union all
select
    'refunds' as stream,
    refunds_rejected.source_key as source_key,
    refunds_rejected.reject_reason as reject_reason,
    coalesce(refunds_rejected.amount, 0.00) as amount,
    coalesce(refunds_rejected.currency, '') as currency,
    refunds_rejected.content as content,
    refunds_rejected.source_file as source_file
from refunds_rejected
union all
select
    'shipments' as stream,
    shipments_rejected.source_key as source_key,
    shipments_rejected.reject_reason as reject_reason,
    coalesce(shipments_rejected.cost, 0.00) as amount,
    coalesce(shipments_rejected.currency, '') as currency,
    shipments_rejected.content as content,
    shipments_rejected.source_file as source_file
from shipments_rejected
union all
select
    'fees' as stream,
    fees_rejected.source_key as source_key,
    fees_rejected.reject_reason as reject_reason,
    coalesce(fees_rejected.amount, 0.00) as amount,
    coalesce(fees_rejected.currency, '') as currency,
    fees_rejected.content as content,
    fees_rejected.source_file as source_file
from fees_rejected
union all
select
    'spend' as stream,
    spend_rejected.source_key as source_key,
    spend_rejected.reject_reason as reject_reason,
    coalesce(spend_rejected.amount, 0.00) as amount,
    coalesce(spend_rejected.currency, '') as currency,
    spend_rejected.content as content,
    spend_rejected.source_file as source_file
from spend_rejected
union all
select
    'spend_control' as stream,
    spend_control_rejected.source_key as source_key,
    spend_control_rejected.reject_reason as reject_reason,
    coalesce(spend_control_rejected.amount, 0.00) as amount,
    coalesce(spend_control_rejected.currency, '') as currency,
    spend_control_rejected.content as content,
    spend_control_rejected.source_file as source_file
from spend_control_rejected
