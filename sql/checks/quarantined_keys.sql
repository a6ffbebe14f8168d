-- Rows that share a key but not their content, and rows with a null that must not be. None of them counts. Warns.
select
    quarantined_rows.stream as stream,
    cast(sum(quarantined_rows.amount) as decimal(24,4)) as amount,
    concat(
        cast(count(*) as varchar), ' rows of ', quarantined_rows.stream, ' in quarantine: ', quarantined_rows.reject_reason,
        case when min(quarantined_rows.source_key) is null then '' else concat(', first key ', min(quarantined_rows.source_key)) end
    ) as detail
from quarantined_rows
group by
    quarantined_rows.stream,
    quarantined_rows.reject_reason
