-- Rows of the pipeline's own reference tables that break their contract. Blocks: a rule that is not read maps nothing.
select
    quarantined_rows.stream as stream,
    cast(0 as decimal(24,4)) as amount,
    concat(quarantined_rows.stream, ': ', quarantined_rows.reject_reason, ' in ', quarantined_rows.content) as detail
from quarantined_rows
where quarantined_rows.stream in ('channel_rules', 'channel_priority', 'refund_reasons', 'suspense_reasons')
