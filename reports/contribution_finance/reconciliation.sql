-- One row per identity: how many ties it proved, how many of them hold, and the sum of absolute differences.
select
    identity as identity,
    count(*) as ties,
    sum(case when holds then cast(1 as decimal(20, 0)) else 0 end) as holding,
    cast(sum(abs(difference)) as decimal(24, 4)) as difference,
    bool_and(holds) as holds
from reconciliation
group by identity
order by
    holds,
    identity
