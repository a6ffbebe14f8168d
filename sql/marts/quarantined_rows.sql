-- One row per source row that breaks its contract, with the reason and its raw content.
-- Currency: the row's own; an amount that cannot be read counts nothing.
-- Left out: exact copies, which count once and are in `reconciliation`.
with quarantined as (
    select * from int_quarantined
    union all by name
    select
        'product_costs' as stream,
        product_costs_rejected.source_key as source_key,
        product_costs_rejected.reject_reason as reject_reason,
        product_costs_rejected.content as content,
        product_costs_rejected.source_file as source_file
    from product_costs_rejected
    union all by name
    select
        'fx_rates' as stream,
        fx_rates_rejected.source_key as source_key,
        fx_rates_rejected.reject_reason as reject_reason,
        fx_rates_rejected.content as content,
        fx_rates_rejected.source_file as source_file
    from fx_rates_rejected
    union all by name
    select
        'channel_rules' as stream,
        channel_rules_rejected.source_key as source_key,
        channel_rules_rejected.reject_reason as reject_reason,
        channel_rules_rejected.content as content,
        channel_rules_rejected.source_file as source_file
    from channel_rules_rejected
    union all by name
    select
        'channel_priority' as stream,
        channel_priority_rejected.source_key as source_key,
        channel_priority_rejected.reject_reason as reject_reason,
        channel_priority_rejected.content as content,
        channel_priority_rejected.source_file as source_file
    from channel_priority_rejected
    union all by name
    select
        'refund_reasons' as stream,
        refund_reasons_rejected.source_key as source_key,
        refund_reasons_rejected.reject_reason as reject_reason,
        refund_reasons_rejected.content as content,
        refund_reasons_rejected.source_file as source_file
    from refund_reasons_rejected
    union all by name
    select
        'suspense_reasons' as stream,
        suspense_reasons_rejected.source_key as source_key,
        suspense_reasons_rejected.reject_reason as reject_reason,
        suspense_reasons_rejected.content as content,
        suspense_reasons_rejected.source_file as source_file
    from suspense_reasons_rejected
)

select
    quarantined.stream as stream,
    cast(row_number() over (
        partition by quarantined.stream
        order by
            quarantined.source_key,
            quarantined.content,
            quarantined.source_file,
            quarantined.reject_reason
    ) as bigint) as row_no,
    quarantined.source_key as source_key,
    quarantined.reject_reason as reject_reason,
    cast(coalesce(quarantined.amount, 0.00) as decimal(24,4)) as amount,
    coalesce(quarantined.currency, '') as currency,
    quarantined.content as content,
    quarantined.source_file as source_file
from quarantined
