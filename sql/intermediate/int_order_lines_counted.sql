-- One row per currency and fate of this intake's order lines. A line has no currency of its own: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own, taken together. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        'read' as part,
        'all' as currency,
        order_lines.quantity as quantity,
        order_lines.list_price as list_price,
        order_lines.discount as discount,
        order_lines.platform_discount as platform_discount,
        order_lines.tax as tax
    from order_lines
    union all
    select
        'quarantined' as part,
        'all' as currency,
        order_lines_rejected.quantity as quantity,
        order_lines_rejected.list_price as list_price,
        order_lines_rejected.discount as discount,
        order_lines_rejected.platform_discount as platform_discount,
        order_lines_rejected.tax as tax
    from order_lines_rejected
    union all
    select
        'duplicates' as part,
        'all' as currency,
        order_lines_duplicates.quantity as quantity,
        order_lines_duplicates.list_price as list_price,
        order_lines_duplicates.discount as discount,
        order_lines_duplicates.platform_discount as platform_discount,
        order_lines_duplicates.tax as tax
    from order_lines_duplicates
)

select
    'order_lines' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(cast(parts.quantity as decimal(20,0))), 0.00) as decimal(20,0)) as units,
    cast(
        coalesce(sum(cast(parts.list_price * parts.quantity as decimal(24,2))), 0.00)
        - coalesce(sum(parts.discount), 0.00)
        - coalesce(sum(parts.platform_discount), 0.00)
    as decimal(24,4)) as amount,
    cast(coalesce(sum(parts.tax), 0.00) as decimal(24,4)) as tax
from parts
group by
    parts.currency,
    parts.part
