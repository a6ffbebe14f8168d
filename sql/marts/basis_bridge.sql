-- One row per period and measure: from the cohort figure to the booked one.
-- Currency: reporting currency (`units`: pieces).
-- Left out: measures without a row in the period.
with terms as (
    select
        int_company_by_period.period as period,
        int_company_by_period.measure as measure,
        case when int_company_by_period.basis = 'cohort' then int_company_by_period.amount else 0.0000 end as cohort,
        0.0000 as of_other_orders,
        0.0000 as booked_elsewhere,
        case when int_company_by_period.basis = 'booked' then int_company_by_period.amount else 0.0000 end as booked
    from int_company_by_period
    union all
    select
        int_lines_by_period.booked_period as period,
        int_lines_by_period.measure as measure,
        0.0000 as cohort,
        int_lines_by_period.amount as of_other_orders,
        0.0000 as booked_elsewhere,
        0.0000 as booked
    from int_lines_by_period
    where int_lines_by_period.booked_period <> int_lines_by_period.ordered_period
    union all
    select
        int_lines_by_period.ordered_period as period,
        int_lines_by_period.measure as measure,
        0.0000 as cohort,
        0.0000 as of_other_orders,
        int_lines_by_period.amount as booked_elsewhere,
        0.0000 as booked
    from int_lines_by_period
    where int_lines_by_period.booked_period <> int_lines_by_period.ordered_period
)

select
    terms.period as period,
    terms.measure as measure,
    cast(sum(terms.cohort) as decimal(24,4)) as cohort,
    cast(sum(terms.of_other_orders) as decimal(24,4)) as booked_of_other_orders,
    cast(-sum(terms.booked_elsewhere) as decimal(24,4)) as booked_in_other_periods,
    cast(sum(terms.booked) as decimal(24,4)) as booked
from terms
group by
    terms.period,
    terms.measure
