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

recomputed as (
    select
        valued.stream as stream,
        cast(0.0001 * valued.row_count as decimal(24,4)) as rounding,
        cast(-valued.units * valued.unit_cost as decimal(28,12)) as product_cost,
        cast(-valued.units * valued.unit_landed_cost as decimal(28,12)) as landed_cost,
        cast(valued.units * valued.unit_cost + valued.units * valued.unit_landed_cost as decimal(28,12)) as cost_recovered,
        cast(valued.product_cost as decimal(24,4)) as posted_product_cost,
        cast(valued.landed_cost as decimal(24,4)) as posted_landed_cost,
        cast(valued.cost_recovered as decimal(24,4)) as posted_cost_recovered
    from valued
),

compared as (
    select
        recomputed.*,
        cast(abs(recomputed.product_cost - recomputed.posted_product_cost) as decimal(28,12)) as product_cost_apart,
        cast(abs(recomputed.landed_cost - recomputed.posted_landed_cost) as decimal(28,12)) as landed_cost_apart,
        cast(abs(recomputed.cost_recovered - recomputed.posted_cost_recovered) as decimal(28,12)) as cost_recovered_apart
    from recomputed
),

summed as (
    select
        compared.stream as stream,
        sum(compared.product_cost) as product_cost,
        sum(compared.posted_product_cost) as posted_product_cost,
        sum(case when compared.product_cost_apart > compared.rounding then compared.product_cost_apart else 0.000000000000 end) as product_cost_apart,
        sum(compared.landed_cost) as landed_cost,
        sum(compared.posted_landed_cost) as posted_landed_cost,
        sum(case when compared.landed_cost_apart > compared.rounding then compared.landed_cost_apart else 0.000000000000 end) as landed_cost_apart,
        sum(compared.cost_recovered) as cost_recovered,
        sum(compared.posted_cost_recovered) as posted_cost_recovered,
        sum(case when compared.cost_recovered_apart > compared.rounding then compared.cost_recovered_apart else 0.000000000000 end) as cost_recovered_apart
    from compared
    group by compared.stream
),

measures as (
    select
        summed.stream as stream,
        unnest(make_array(
            named_struct(
                'measure', 'product_cost',
                'recomputed', summed.product_cost,
                'posted', summed.posted_product_cost,
                'apart', summed.product_cost_apart
            ),
            named_struct(
                'measure', 'landed_cost',
                'recomputed', summed.landed_cost,
                'posted', summed.posted_landed_cost,
                'apart', summed.landed_cost_apart
            ),
            named_struct(
                'measure', 'cost_recovered',
                'recomputed', summed.cost_recovered,
                'posted', summed.posted_cost_recovered,
                'apart', summed.cost_recovered_apart
            )
        )) as line
    from summed
)

select
    measures.stream as stream,
    measures.line['measure'] as measure,
    cast(measures.line['recomputed'] as decimal(28,12)) as recomputed,
    cast(measures.line['posted'] as decimal(24,4)) as posted,
    cast(measures.line['apart'] as decimal(24,4)) as apart
from measures
where
    (measures.stream = 'order_lines' and measures.line['measure'] <> 'cost_recovered')
    or (measures.stream = 'refunds' and measures.line['measure'] = 'cost_recovered')
