-- One row per exception of the week, block by block, the most money times recurrence first; reporting currency.
select
    block as block,
    place as place,
    item as item,
    owner as owner,
    cast(at_risk as decimal(24, 4)) as at_risk,
    cast(usual_amount as decimal(24, 4)) as usual_amount,
    bad as bad,
    occurrences as occurrences,
    weeks as weeks,
    first_week as first_week
from exceptions
where period = $period
order by
    block,
    place
