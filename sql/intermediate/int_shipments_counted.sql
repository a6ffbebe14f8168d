-- One row per currency and fate of this intake's shipments: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        case when shipments.shipped_at >= $as_of then 'after_as_of' else 'read' end as part,
        shipments.currency as currency,
        shipments.cost as cost
    from shipments
    union all
    select
        'quarantined' as part,
        shipments_rejected.currency as currency,
        shipments_rejected.cost as cost
    from shipments_rejected
    union all
    select
        'duplicates' as part,
        shipments_duplicates.currency as currency,
        shipments_duplicates.cost as cost
    from shipments_duplicates
)

select
    'shipments' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(parts.cost), 0.00) as decimal(24,4)) as amount
from parts
group by
    parts.currency,
    parts.part
