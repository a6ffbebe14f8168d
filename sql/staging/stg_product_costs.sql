-- One row per approved cost version of a SKU. A version is in force until the next approved one.
-- Currency: the version's own; it is converted on the order's day.
-- Left out: proposed versions, which never count.
select
    product_costs.sku as sku,
    product_costs.valid_from as valid_from,
    named_struct(
        'unit_cost', product_costs.unit_cost,
        'landed_cost', product_costs.landed_cost,
        'currency', product_costs.currency
    ) as cost
from product_costs
where product_costs.status = 'approved'
