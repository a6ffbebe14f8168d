-- One row per stream of this intake: what units were posted with beside units times the version in force, found by plain joins
-- in the source itself, not by the lookups that the posting uses.
-- Currency: reporting currency, `recomputed` before it is rounded. `apart` is the difference per SKU and day beyond the rounding of the rows, without sign.
-- Left out: units without a cost.
with valued as (
    select
        int_units_costed.*,
        cast(coalesce(int_cost_versions.unit_cost * int_rates_in_force.rate, 0.000000000000) as decimal(22,12)) as unit_cost,
        cast(coalesce(int_cost_versions.landed_cost * int_rates_in_force.rate, 0.000000000000) as decimal(22,12)) as unit_landed_cost
    from int_units_costed
    left join int_cost_versions
        on int_units_costed.sku = int_cost_versions.sku
        and int_units_costed.ordered_on >= int_cost_versions.valid_from
        and int_units_costed.ordered_on < int_cost_versions.valid_to
    left join int_rates_in_force
        on int_cost_versions.currency = int_rates_in_force.currency
        and int_units_costed.ordered_on >= int_rates_in_force.rate_from
        and int_units_costed.ordered_on < int_rates_in_force.rate_to
),

measures as (
    select
        valued.stream as stream,
        valued.row_count as row_count,
        unnest(make_array(
            named_struct(
                'measure', 'product_cost',
                'recomputed', cast(-valued.units * valued.unit_cost as decimal(28,12)),
                'posted', cast(valued.product_cost as decimal(24,4))
            ),
            named_struct(
                'measure', 'landed_cost',
                'recomputed', cast(-valued.units * valued.unit_landed_cost as decimal(28,12)),
                'posted', cast(valued.landed_cost as decimal(24,4))
            ),
            named_struct(
                'measure', 'cost_recovered',
                'recomputed', cast(valued.units * valued.unit_cost + valued.units * valued.unit_landed_cost as decimal(28,12)),
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
        cast(abs(measures.line['recomputed'] - measures.line['posted']) as decimal(28,12)) as apart,
        cast(0.0001 * measures.row_count as decimal(24,4)) as rounding
    from measures
)

select
    compared.stream as stream,
    compared.measure as measure,
    cast(sum(compared.recomputed) as decimal(28,12)) as recomputed,
    cast(sum(compared.posted) as decimal(24,4)) as posted,
    cast(sum(case when compared.apart > compared.rounding then compared.apart else 0.000000000000 end) as decimal(24,4)) as apart
from compared
where
    (compared.stream = 'order_lines' and compared.measure <> 'cost_recovered')
    or (compared.stream = 'refunds' and compared.measure = 'cost_recovered')
group by
    compared.stream,
    compared.measure
