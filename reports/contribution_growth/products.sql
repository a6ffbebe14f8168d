-- The five products with the highest contribution 2, and up to five that lost money; cohort basis, reporting currency.
with products as (
    select
        sku as sku,
        sum(cast(units as decimal(20, 0))) as units,
        sum(net_revenue) as net_revenue,
        sum(contribution_2) as contribution_2
    from product_contribution_monthly
    where period = $period
        and basis = 'cohort'
        and sku not in ('none', 'unknown')
    group by sku
),

ranked as (
    select
        sku,
        units,
        net_revenue,
        contribution_2,
        row_number() over (order by contribution_2 desc, sku) as best,
        row_number() over (order by contribution_2, sku) as worst
    from products
)

select
    case when contribution_2 < 0 and worst <= 5 then 'weak' else 'strong' end as kind,
    sku as sku,
    units as units,
    cast(net_revenue as decimal(24, 2)) as net_revenue,
    cast(contribution_2 as decimal(24, 2)) as contribution_2
from ranked
where best <= 5
    or (contribution_2 < 0 and worst <= 5)
order by
    contribution_2 desc,
    sku
