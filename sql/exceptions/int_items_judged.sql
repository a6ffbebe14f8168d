-- One row per week, block and item, with what was usual in the eight weeks before and whether the week is an exception.
-- A route is one when too many of its shipments were late; a return reason or campaign when it cost far more than usual.
-- Currency: reporting currency.
-- Left out: the item's first week, which has no usual.
with compared as (
    select
        int_items_by_week.*,
        sum(int_items_by_week.amount) over (
            partition by int_items_by_week.block, int_items_by_week.item
            order by int_items_by_week.week_from
            rows between 8 preceding and 1 preceding
        ) as earlier_amount,
        count(*) over (
            partition by int_items_by_week.block, int_items_by_week.item
            order by int_items_by_week.week_from
            rows between 8 preceding and 1 preceding
        ) as earlier_weeks
    from int_items_by_week
),

usual as (
    select
        compared.*,
        cast(cast(compared.earlier_amount as decimal(24,4)) / cast(compared.earlier_weeks as decimal(4,0)) as decimal(24,4)) as usual_amount
    from compared
    where compared.earlier_weeks > 0
)

select
    usual.week_from as week_from,
    usual.block as block,
    usual.owner as owner,
    usual.item as item,
    usual.occurrences as occurrences,
    usual.bad as bad,
    usual.amount as amount,
    usual.usual_amount as usual_amount,
    case
        when usual.block = 'late routing'
            then usual.occurrences >= cast($least_shipments as decimal(9,0))
                and usual.bad > cast($late_share as decimal(9,6)) * usual.occurrences
        else usual.amount > cast($least_amount as decimal(9,2))
            and usual.amount > cast($spike as decimal(9,6)) * usual.usual_amount
    end as is_exception
from usual
