-- Refunds of the period without a known order or line. Any warns; above a share of the rows, and
-- above the materiality, it blocks.
select
    int_streams_in_period.stream as stream,
    int_streams_in_period.amount as amount,
    concat(
        cast(int_streams_in_period.row_count as varchar), ' of ', cast(int_streams_in_period.stream_rows as varchar),
        ' rows of refunds have no order or line: ', money_text(int_streams_in_period.amount), ' of ', money_text(int_streams_in_period.stream_amount),
        ' ', $currency
    ) as detail,
    case
        when int_streams_in_period.row_count > cast($orphan_refunds_block as decimal(9,6)) * int_streams_in_period.stream_rows
            and int_streams_in_period.amount > $materiality
            then 'block'
        else 'warn'
    end as severity
from int_streams_in_period
where
    int_streams_in_period.stream = 'refunds'
    and int_streams_in_period.suspense_reason = 'orphan_refund'
