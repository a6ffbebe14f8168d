-- Sales of the period without an approved cost, as a share of all sales. Warns, then blocks
-- above the materiality.
select
    int_streams_in_period.stream as stream,
    int_streams_in_period.amount as amount,
    concat(
        cast(int_streams_in_period.row_count as varchar), ' of ', cast(int_streams_in_period.stream_rows as varchar),
        ' rows of order lines have no cost: ', money_text(int_streams_in_period.amount), ' of ', money_text(int_streams_in_period.stream_amount),
        ' ', $currency
    ) as detail,
    case
        when int_streams_in_period.amount > cast($uncosted_sales_block as decimal(9,6)) * int_streams_in_period.stream_amount
            and int_streams_in_period.amount > $materiality
            then 'block'
        else 'warn'
    end as severity
from int_streams_in_period
where
    int_streams_in_period.stream = 'order_lines'
    and int_streams_in_period.suspense_reason = 'missing_cost'
    and int_streams_in_period.amount > cast($uncosted_sales_warn as decimal(9,6)) * int_streams_in_period.stream_amount
