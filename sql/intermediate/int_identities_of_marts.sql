-- One row per identity, mart and measure: nesting, additivity and the bridge between the bases.
-- Currency: reporting currency. A difference has no sign and is summed over the periods: periods cannot cancel out.
-- Left out: nothing.
with marts as (
    select
        'sales and marketing channels' as mart,
        int_channels_totalled.*
    from int_channels_totalled
    union all by name
    select
        'days' as mart,
        int_days_totalled.*
    from int_days_totalled
    union all by name
    select
        'skus' as mart,
        int_products_totalled.*
    from int_products_totalled
),

levels as (
    select
        marts.mart as mart,
        sum(case when marts.measure = 'contribution_3' then marts.amount else 0.0000 end) as contribution_3,
        sum(
            case
                when marts.measure in ('contribution_3', 'units', 'tax', 'footing_difference', 'fx_difference', 'broken')
                    then 0.0000
                else marts.amount
            end
        ) as lines,
        sum(case when marts.measure = 'broken' then marts.amount else 0.0000 end) as broken
    from marts
    group by marts.mart
),

covered as (
    select * from marts
    union all by name
    -- Rows of an unknown SKU are in the product mart too, under the SKU `unknown`.
    select
        'skus' as mart,
        bases.basis as basis,
        int_unmatched_by_period.*
    from int_unmatched_by_period
    join (select 'booked' as basis union all select 'cohort' as basis) as bases
        on bases.basis is not null
),

cells as (
    select
        sides.mart as mart,
        sides.period as period,
        sides.basis as basis,
        sides.measure as measure,
        sum(sides.company) as company,
        sum(sides.amount) as amount
    from (
        select
            covered.mart as mart,
            covered.period as period,
            covered.basis as basis,
            covered.measure as measure,
            0.0000 as company,
            covered.amount as amount
        from covered
        where covered.measure not in ('contribution_3', 'broken')
        union all
        select
            names.mart as mart,
            int_company_by_period.period as period,
            int_company_by_period.basis as basis,
            int_company_by_period.measure as measure,
            int_company_by_period.amount as company,
            0.0000 as amount
        from int_company_by_period
        join (
            select 'sales and marketing channels' as mart
            union all
            select 'days' as mart
            union all
            select 'skus' as mart
        ) as names
            on names.mart is not null
    ) as sides
    group by
        sides.mart,
        sides.period,
        sides.basis,
        sides.measure
)

-- Contribution 3 = the sum of all lines, and each level the one above + its lines, in every cell.
select
    'nesting' as identity,
    levels.mart as stream,
    'contribution_3' as measure,
    $currency as currency,
    levels.contribution_3 as left_amount,
    levels.lines as right_amount,
    levels.broken + abs(levels.contribution_3 - levels.lines) as difference
from levels
union all by name
-- The company = its channels = its days = its SKUs, per measure, in every period and on each basis.
select
    'additivity' as identity,
    cells.mart as stream,
    cells.measure as measure,
    case when cells.measure = 'units' then 'units' else $currency end as currency,
    cast(sum(cells.company) as decimal(24,4)) as left_amount,
    cast(sum(cells.amount) as decimal(24,4)) as right_amount,
    cast(sum(abs(cells.company - cells.amount)) as decimal(24,4)) as difference
from (
    select
        cells.mart as mart,
        cells.measure as measure,
        cast(cells.company as decimal(24,4)) as company,
        cast(cells.amount as decimal(24,4)) as amount
    from cells
) as cells
group by
    cells.mart,
    cells.measure
union all by name
-- Booked = cohort + booked in the period of other orders - booked elsewhere of its orders; over all periods both are equal.
select
    'basis_bridge' as identity,
    'each period' as stream,
    basis_bridge.measure as measure,
    case when basis_bridge.measure = 'units' then 'units' else $currency end as currency,
    sum(basis_bridge.booked) as left_amount,
    sum(basis_bridge.cohort + basis_bridge.booked_of_other_orders + basis_bridge.booked_in_other_periods) as right_amount,
    sum(abs(
        basis_bridge.booked
        - basis_bridge.cohort
        - basis_bridge.booked_of_other_orders
        - basis_bridge.booked_in_other_periods
    )) as difference
from basis_bridge
group by basis_bridge.measure
union all by name
select
    'basis_bridge' as identity,
    'all periods' as stream,
    basis_bridge.measure as measure,
    case when basis_bridge.measure = 'units' then 'units' else $currency end as currency,
    sum(basis_bridge.booked) as left_amount,
    sum(basis_bridge.cohort) as right_amount
from basis_bridge
group by basis_bridge.measure
