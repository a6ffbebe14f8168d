-- Spend of the period that no rule gives to a channel, as a share of all spend. Warns, then blocks
-- above the materiality.
select
    int_streams_in_period.stream as stream,
    int_streams_in_period.amount as amount,
    concat(
        cast(int_streams_in_period.row_count as varchar), ' of ', cast(int_streams_in_period.stream_rows as varchar),
        ' rows of spend have no channel: ', money_text(int_streams_in_period.amount), ' of ', money_text(int_streams_in_period.stream_amount),
        ' ', $currency
    ) as detail,
    case
        when int_streams_in_period.amount > cast($unmapped_spend_block as decimal(9,6)) * int_streams_in_period.stream_amount
            and int_streams_in_period.amount > $materiality
            then 'block'
        else 'warn'
    end as severity
from int_streams_in_period
where
    int_streams_in_period.stream = 'spend'
    and int_streams_in_period.suspense_reason = 'unmapped_campaign'
    and int_streams_in_period.amount > cast($unmapped_spend_warn as decimal(9,6)) * int_streams_in_period.stream_amount
