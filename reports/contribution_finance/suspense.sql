-- One row per reason and owner: what could not be placed, in reporting currency, and for how long it has waited.
select
    reason as reason,
    owner as owner,
    count(*) as items,
    max(age_days) as oldest_days,
    cast(sum(amount) as decimal(24, 2)) as amount
from suspense_items
where period = $period
group by
    reason,
    owner
order by
    oldest_days desc,
    reason,
    owner
