-- One row per stream, SKU and day of the order, of this intake: units with a cost, and what they were posted with.
-- Currency: reporting currency.
-- Left out: units without a cost.
select
    'order_lines' as stream,
    int_order_lines_posted.sku as sku,
    int_order_lines_posted.ordered_on as ordered_on,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(sum(cast(int_order_lines_posted.costed_units as decimal(20,0))) as decimal(14,0)) as units,
    cast(sum(int_order_lines_posted.product_cost) as decimal(24,4)) as product_cost,
    cast(sum(int_order_lines_posted.landed_cost) as decimal(24,4)) as landed_cost,
    cast(0.0000 as decimal(24,4)) as cost_recovered
from int_order_lines_posted
where int_order_lines_posted.costed_units <> 0
group by
    int_order_lines_posted.sku,
    int_order_lines_posted.ordered_on
union all
select
    'refunds' as stream,
    int_refunds_posted.sku as sku,
    int_refunds_posted.ordered_on as ordered_on,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(sum(cast(int_refunds_posted.restocked_units as decimal(20,0))) as decimal(14,0)) as units,
    cast(0.0000 as decimal(24,4)) as product_cost,
    cast(0.0000 as decimal(24,4)) as landed_cost,
    cast(sum(int_refunds_posted.cost_recovered) as decimal(24,4)) as cost_recovered
from int_refunds_posted
where int_refunds_posted.cost_basis = 'rated'
group by
    int_refunds_posted.sku,
    int_refunds_posted.ordered_on
