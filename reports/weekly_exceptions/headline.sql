-- One row: how many exceptions the week has, what is at risk, and how many of them are not new; reporting currency.
select
    count(*) as items,
    cast(coalesce(sum(at_risk), 0) as decimal(24, 4)) as at_risk,
    coalesce(sum(case when weeks > 1 then cast(1 as decimal(20, 0)) else 0 end), 0) as recurring
from exceptions
where period = $period
