-- One row per currency and fate of this intake's spend rows: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        case when spend.spend_date >= $as_of_day then 'after_as_of' else 'read' end as part,
        spend.currency as currency,
        spend.amount as amount,
        spend.credit as credit
    from spend
    union all
    select
        'quarantined' as part,
        spend_rejected.currency as currency,
        spend_rejected.amount as amount,
        spend_rejected.credit as credit
    from spend_rejected
    union all
    select
        'duplicates' as part,
        spend_duplicates.currency as currency,
        spend_duplicates.amount as amount,
        spend_duplicates.credit as credit
    from spend_duplicates
)

select
    'spend' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(parts.amount), 0.00) as decimal(24,4)) as amount,
    cast(coalesce(sum(parts.credit), 0.00) as decimal(24,4)) as credit
from parts
group by
    parts.currency,
    parts.part
