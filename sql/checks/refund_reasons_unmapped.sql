-- Raw refund reasons of the period that no mapping knows, by value. Warns, then blocks above the materiality.
with reasons as (
    select
        int_refunds_by_reason.raw_reason as raw_reason,
        int_refunds_by_reason.reason as reason,
        cast(sum(int_refunds_by_reason.amount) as decimal(24,4)) as amount
    from int_refunds_by_reason
    where int_refunds_by_reason.period = $period
    group by
        int_refunds_by_reason.raw_reason,
        int_refunds_by_reason.reason
),

shares as (
    select
        sum(case when reasons.reason is null then reasons.amount else 0.0000 end) as unmapped,
        sum(reasons.amount) as total,
        string_agg(case when reasons.reason is null then reasons.raw_reason end, ', ' order by reasons.raw_reason) as codes
    from reasons
)

select
    'refunds' as stream,
    cast(shares.unmapped as decimal(24,4)) as amount,
    concat('refund reasons that no mapping knows: ', shares.codes) as detail,
    case
        when cast(shares.unmapped as decimal(24,4)) > cast($reasons_unmapped_block as decimal(9,6)) * cast(shares.total as decimal(24,4))
            and cast(shares.unmapped as decimal(24,4)) > $materiality
            then 'block'
        else 'warn'
    end as severity
from shares
where cast(shares.unmapped as decimal(24,4)) > cast($reasons_unmapped_warn as decimal(9,6)) * cast(shares.total as decimal(24,4))
