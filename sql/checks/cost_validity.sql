-- Cost versions that cannot be right: approved by nobody, not above zero, or overlapping. Two versions of a SKU from the
-- same day share a key and are in quarantine. Blocks without an approval, warns otherwise.
select
    'product_costs' as stream,
    cast(null as decimal(24,4)) as amount,
    concat(
        'cost of ', product_costs.sku, ' from ', cast(product_costs.valid_from as varchar), ', ',
        cast(product_costs.unit_cost as varchar), ' ', product_costs.currency,
        case when product_costs.approved_by is null then ', is approved by nobody' else ', is not above zero' end
    ) as detail,
    case when product_costs.approved_by is null then 'block' else 'warn' end as severity
from product_costs
where
    product_costs.status = 'approved'
    and (product_costs.approved_by is null or product_costs.unit_cost <= 0.0000 or product_costs.landed_cost < 0.0000)
