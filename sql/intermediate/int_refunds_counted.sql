-- One row per currency and fate of this intake's refunds: read, after the as-of, quarantined, exact copies.
-- Currency: the row's own. An amount that cannot be read counts nothing.
-- Left out: nothing.
with parts as (
    select
        case when refunds.refunded_at >= $as_of then 'after_as_of' else 'read' end as part,
        refunds.currency as currency,
        refunds.amount as amount,
        refunds.tax as tax
    from refunds
    union all
    select
        'quarantined' as part,
        refunds_rejected.currency as currency,
        refunds_rejected.amount as amount,
        refunds_rejected.tax as tax
    from refunds_rejected
    union all
    select
        'duplicates' as part,
        refunds_duplicates.currency as currency,
        refunds_duplicates.amount as amount,
        refunds_duplicates.tax as tax
    from refunds_duplicates
)

select
    'refunds' as stream,
    coalesce(parts.currency, '') as currency,
    parts.part as part,
    cast(count(*) as decimal(20,0)) as row_count,
    cast(coalesce(sum(parts.amount), 0.00) as decimal(24,4)) as amount,
    cast(coalesce(sum(parts.tax), 0.00) as decimal(24,4)) as tax
from parts
group by
    parts.currency,
    parts.part
