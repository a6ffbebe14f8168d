-- The five products with the highest contribution 2, up to five that lost money, and the five with the most sales whose cost
-- is missing; cohort basis, reporting currency. What a product without cost leaves is null: nobody knows it.
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

uncosted as (
    select
        sku as sku,
        sum(cast(units as decimal(20, 0))) as units
    from contribution_ledger
    where stream = 'order_lines'
        and cost_basis = 'missing'
        and fx_rate is not null
        and booked_on >= $period_first_day
        and booked_on < $period_end_day
    group by sku
),

joined as (
    select
        products.sku as sku,
        products.units as units,
        products.net_revenue as net_revenue,
        products.contribution_2 as contribution_2,
        coalesce(uncosted.units, 0) as uncosted_units,
        uncosted.units is not null as is_uncosted
    from products
    left join uncosted
        on products.sku = uncosted.sku
),

ranked as (
    select
        sku,
        units,
        net_revenue,
        contribution_2,
        uncosted_units,
        is_uncosted,
        row_number() over (partition by is_uncosted order by contribution_2 desc, sku) as best,
        row_number() over (partition by is_uncosted order by contribution_2, sku) as worst,
        row_number() over (partition by is_uncosted order by net_revenue desc, sku) as largest
    from joined
)

select
    case
        when is_uncosted then 'uncosted'
        when contribution_2 < 0 and worst <= 5 then 'weak'
        else 'strong'
    end as kind,
    sku as sku,
    units as units,
    cast(net_revenue as decimal(24, 4)) as net_revenue,
    cast(case when not is_uncosted then contribution_2 end as decimal(24, 4)) as contribution_2,
    uncosted_units as uncosted_units
from ranked
where (is_uncosted and largest <= 5)
    or (not is_uncosted and best <= 5)
    or (not is_uncosted and contribution_2 < 0 and worst <= 5)
order by
    is_uncosted,
    case when is_uncosted then -net_revenue else -contribution_2 end,
    sku
