-- One row per approved cost version of a SKU, with the day on which the next one takes its place.
-- Currency: the version's own.
-- Left out: proposed versions. Read from the source itself: it proves what the lookup of `stg_product_costs` finds.
select
    product_costs.sku as sku,
    product_costs.unit_cost as unit_cost,
    product_costs.landed_cost as landed_cost,
    product_costs.currency as currency,
    product_costs.valid_from as valid_from,
    coalesce(
        lead(product_costs.valid_from) over (partition by product_costs.sku order by product_costs.valid_from),
        cast('9999-12-31' as date)
    ) as valid_to
from product_costs
where product_costs.status = 'approved'
