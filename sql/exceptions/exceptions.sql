-- One row per exception of the week: the fifteen of each block with the most money times recurrence.
-- Currency: reporting currency. `at_risk` is what late shipments cost, or what returns and campaigns cost beyond the usual.
-- Left out: items that were usual, and what is beyond the fifteenth.
with recurring as (
    select
        int_items_judged.block as block,
        int_items_judged.item as item,
        cast(count(*) as decimal(4,0)) as weeks,
        min(int_items_judged.week_from) as first_week
    from int_items_judged
    where
        int_items_judged.is_exception
        and int_items_judged.week_from > cast($period_first_day - interval '56 days' as date)
        and int_items_judged.week_from <= $period_first_day
    group by
        int_items_judged.block,
        int_items_judged.item
),

items as (
    select
        int_items_judged.block as block,
        int_items_judged.owner as owner,
        int_items_judged.item as item,
        int_items_judged.occurrences as occurrences,
        int_items_judged.bad as bad,
        int_items_judged.usual_amount as usual_amount,
        cast(
            case
                when int_items_judged.block = 'late routing' then int_items_judged.amount
                else int_items_judged.amount - int_items_judged.usual_amount
            end
        as decimal(24,4)) as at_risk,
        recurring.weeks as weeks,
        recurring.first_week as first_week
    from int_items_judged
    join recurring
        on int_items_judged.block = recurring.block
        and int_items_judged.item = recurring.item
    where
        int_items_judged.is_exception
        and int_items_judged.week_from = $period_first_day
),

ranked as (
    select
        items.*,
        row_number() over (
            partition by items.block
            order by
                items.at_risk * items.weeks desc,
                items.item
        ) as place
    from items
)

select
    $period as period,
    ranked.block as block,
    cast(ranked.place as bigint) as place,
    ranked.item as item,
    ranked.owner as owner,
    ranked.at_risk as at_risk,
    ranked.usual_amount as usual_amount,
    ranked.occurrences as occurrences,
    ranked.bad as bad,
    cast(ranked.weeks as bigint) as weeks,
    ranked.first_week as first_week
from ranked
where ranked.place <= 15
