-- Rows that share a key but not their content, and rows with a null that must not be, per stream. None of them counts. Warns.
with reasons as (
    select
        quarantined_rows.stream as stream,
        quarantined_rows.reject_reason as reject_reason,
        count(*) as row_count,
        cast(sum(quarantined_rows.amount) as decimal(24,4)) as amount
    from quarantined_rows
    group by
        quarantined_rows.stream,
        quarantined_rows.reject_reason
)

select
    reasons.stream as stream,
    cast(sum(reasons.amount) as decimal(24,4)) as amount,
    concat(
        'rows of ', reasons.stream, ' in quarantine: ',
        string_agg(concat(cast(reasons.row_count as varchar), ' ', reasons.reject_reason), ', ' order by reasons.reject_reason)
    ) as detail
from reasons
group by reasons.stream
