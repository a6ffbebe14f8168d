-- One row per period, basis and measure: the ledger as a whole, without regard to channels or SKUs.
-- Currency: reporting currency.
-- Left out: nothing of the ledger.
with sides as (
    select
        int_lines_by_period.booked_period as period,
        'booked' as basis,
        int_lines_by_period.measure as measure,
        int_lines_by_period.amount as amount
    from int_lines_by_period
    union all
    select
        int_lines_by_period.ordered_period as period,
        'cohort' as basis,
        int_lines_by_period.measure as measure,
        int_lines_by_period.amount as amount
    from int_lines_by_period
    union all
    select
        int_unmatched_by_period.period as period,
        'booked' as basis,
        int_unmatched_by_period.measure as measure,
        int_unmatched_by_period.amount as amount
    from int_unmatched_by_period
    union all
    select
        int_unmatched_by_period.period as period,
        'cohort' as basis,
        int_unmatched_by_period.measure as measure,
        int_unmatched_by_period.amount as amount
    from int_unmatched_by_period
)

select
    sides.period as period,
    sides.basis as basis,
    sides.measure as measure,
    cast(sum(sides.amount) as decimal(24,4)) as amount
from sides
group by
    sides.period,
    sides.basis,
    sides.measure
