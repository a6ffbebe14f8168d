-- One row per stream, SKU and day of the order: what units were posted with beside units times the version in force, found by
-- plain joins in the source itself, not by the lookups that the posting uses.
-- Currency: reporting currency. `*_apart` is the difference beyond the rounding of the rows, without sign.
-- Left out: units without a cost.
with versions as (
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
),

units as (
    select
        int_units_costed.stream as stream,
        int_units_costed.sku as sku,
        int_units_costed.ordered_on as ordered_on,
        sum(int_units_costed.row_count) as row_count,
        cast(sum(int_units_costed.units) as decimal(14,0)) as units,
        sum(int_units_costed.product_cost) as product_cost,
        sum(int_units_costed.landed_cost) as landed_cost,
        sum(int_units_costed.cost_recovered) as cost_recovered
    from int_units_costed
    group by
        int_units_costed.stream,
        int_units_costed.sku,
        int_units_costed.ordered_on
),

valued as (
    select
        units.*,
        cast(coalesce(versions.unit_cost * int_rates_in_force.rate, 0.000000000000) as decimal(22,12)) as unit_cost,
        cast(coalesce(versions.landed_cost * int_rates_in_force.rate, 0.000000000000) as decimal(22,12)) as unit_landed_cost
    from units
    left join versions
        on units.sku = versions.sku
        and units.ordered_on >= versions.valid_from
        and units.ordered_on < versions.valid_to
    left join int_rates_in_force
        on versions.currency = int_rates_in_force.currency
        and units.ordered_on >= int_rates_in_force.rate_from
        and units.ordered_on < int_rates_in_force.rate_to
),

measures as (
    select
        valued.stream as stream,
        valued.row_count as row_count,
        unnest(make_array(
            named_struct(
                'measure', 'product_cost',
                'recomputed', cast(-valued.units * valued.unit_cost as decimal(24,4)),
                'posted', cast(valued.product_cost as decimal(24,4))
            ),
            named_struct(
                'measure', 'landed_cost',
                'recomputed', cast(-valued.units * valued.unit_landed_cost as decimal(24,4)),
                'posted', cast(valued.landed_cost as decimal(24,4))
            ),
            named_struct(
                'measure', 'cost_recovered',
                'recomputed', cast(valued.units * valued.unit_cost + valued.units * valued.unit_landed_cost as decimal(24,4)),
                'posted', cast(valued.cost_recovered as decimal(24,4))
            )
        )) as line
    from valued
),

compared as (
    select
        measures.stream as stream,
        measures.line['measure'] as measure,
        measures.line['recomputed'] as recomputed,
        measures.line['posted'] as posted,
        abs(measures.line['recomputed'] - measures.line['posted']) as apart,
        cast(0.0001 * measures.row_count as decimal(24,4)) as rounding
    from measures
)

select
    compared.stream as stream,
    compared.measure as measure,
    cast(sum(compared.recomputed) as decimal(24,4)) as recomputed,
    cast(sum(compared.posted) as decimal(24,4)) as posted,
    cast(sum(case when compared.apart > compared.rounding then compared.apart else 0.0000 end) as decimal(24,4)) as apart
from compared
where
    (compared.stream = 'order_lines' and compared.measure <> 'cost_recovered')
    or (compared.stream = 'refunds' and compared.measure = 'cost_recovered')
group by
    compared.stream,
    compared.measure
