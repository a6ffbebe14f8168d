-- One row per owner: exceptions to act on and what is at risk; reporting currency.
select
    owner as owner,
    count(*) as items,
    cast(sum(at_risk) as decimal(24, 4)) as at_risk,
    max(weeks) as weeks
from exceptions
where period = $period
group by owner
order by
    at_risk desc,
    owner
