-- Items that have been in suspense for longer than the allowed days, per reason and owner. Warns.
select
    suspense_items.owner as owner,
    cast(sum(abs(suspense_items.amount)) as decimal(24,4)) as amount,
    concat(
        cast(count(*) as varchar), ' rows of all periods in suspense for more than ', cast($suspense_age_days as varchar), ' days (',
        replace(suspense_items.reason, '_', ' '), '), the oldest for ', cast(max(suspense_items.age_days) as varchar), ': ', min(suspense_items.action)
    ) as detail
from suspense_items
where suspense_items.age_days > $suspense_age_days
group by
    suspense_items.reason,
    suspense_items.owner
