-- Rows that share a key but not their content, and rows with a null that must not be, per stream. None of them counts. Warns.
-- Their amounts are told per currency; order lines have none of their own, and costs and rates are no money of the period.
with reasons as (
    select
        quarantined_rows.stream as stream,
        quarantined_rows.reject_reason as reject_reason,
        count(*) as row_count
    from quarantined_rows
    group by
        quarantined_rows.stream,
        quarantined_rows.reject_reason
),

amounts as (
    select
        quarantined_rows.stream as stream,
        quarantined_rows.currency as currency,
        cast(sum(quarantined_rows.amount) as decimal(24,4)) as amount
    from quarantined_rows
    where
        quarantined_rows.currency <> ''
        and quarantined_rows.amount <> 0.0000
    group by
        quarantined_rows.stream,
        quarantined_rows.currency
),

currencies as (
    select
        amounts.stream as stream,
        max(case when amounts.currency = $currency then amounts.amount end) as own_amount,
        string_agg(concat(money_text(amounts.amount), ' ', amounts.currency), ', ' order by amounts.currency) as told
    from amounts
    group by amounts.stream
),

streams as (
    select
        reasons.stream as stream,
        string_agg(
            concat(
                cast(reasons.row_count as varchar), ' ',
                replace(replace(replace(reasons.reject_reason, 'duplicate_key', 'sharing a key'), 'null_in_', 'without '), '_', ' ')
            ), ', '
            order by reasons.reject_reason
        ) as told
    from reasons
    group by reasons.stream
)

select
    streams.stream as stream,
    currencies.own_amount as amount,
    concat(
        'rows of ', replace(streams.stream, '_', ' '), ' in quarantine: ', streams.told,
        case when currencies.told is null then '' else concat('; ', currencies.told) end
    ) as detail
from streams
left join currencies
    on streams.stream = currencies.stream
