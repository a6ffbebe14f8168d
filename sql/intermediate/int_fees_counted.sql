-- One row per currency and fate of this intake's fees: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        case when fees.event_at >= $as_of then 'after_as_of' else 'read' end as part,
        fees.currency as currency,
        fees.amount as amount
    from fees
    union all
    select
        'quarantined' as part,
        fees_rejected.currency as currency,
        fees_rejected.amount as amount
    from fees_rejected
    union all
    select
        'duplicates' as part,
        fees_duplicates.currency as currency,
        fees_duplicates.amount as amount
    from fees_duplicates
)

select
    'fees' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(parts.amount), 0.00) as decimal(24,4)) as amount
from parts
group by
    parts.currency,
    parts.part
