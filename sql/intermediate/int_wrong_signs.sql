-- One row per stream of this intake that has amounts or quantities of the wrong sign.
-- Currency: the rows' own, taken together.
-- Left out: fees, which may have either sign; refunds and shipments without an order, which are in suspense.
with signs as (
    select
        'order_lines' as stream,
        cast(count(*) as decimal(20,0)) as row_count,
        sum(stg_order_lines.list_amount) as amount
    from stg_order_lines
    where
        stg_order_lines.quantity <= 0
        or stg_order_lines.list_amount < 0.00
        or stg_order_lines.discount < 0.00
        or stg_order_lines.platform_discount < 0.00
    union all
    select
        'refunds' as stream,
        cast(count(*) as decimal(20,0)) as row_count,
        sum(int_refunds_matched.amount) as amount
    from int_refunds_matched
    where
        int_refunds_matched.amount < 0.00
        or int_refunds_matched.quantity < 0
    union all
    select
        'spend' as stream,
        cast(count(*) as decimal(20,0)) as row_count,
        sum(stg_spend.amount) as amount
    from stg_spend
    where
        stg_spend.amount < 0.00
        or stg_spend.credit < 0.00
    union all
    select
        'shipments' as stream,
        cast(count(*) as decimal(20,0)) as row_count,
        sum(-int_shipments_posted.original_amount) as amount
    from int_shipments_posted
    where int_shipments_posted.original_amount > 0.0000
)

select
    signs.stream as stream,
    signs.row_count as row_count,
    cast(coalesce(signs.amount, 0.00) as decimal(24,4)) as amount
from signs
where signs.row_count > 0
