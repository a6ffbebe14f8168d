-- One row per reason and owner: spend that no rule maps to a channel, and how long it has waited.
select
    reason as reason,
    owner as owner,
    count(*) as items,
    max(age_days) as oldest_days,
    cast(sum(amount) as decimal(24, 4)) as amount
from suspense_items
where period = $period
    and stream = 'spend'
group by
    reason,
    owner
order by
    amount,
    reason,
    owner
