-- Order lines, and orders as a whole, that were refunded more than they were charged, or returned in more units than were
-- sold. Blocks.
select
    'refunds' as stream,
    case when int_refunds_over_bound.currency = $currency then cast(int_refunds_over_bound.refunded_amount as decimal(24,4)) end as amount,
    concat(
        'order ', int_refunds_over_bound.order_id,
        case
            when int_refunds_over_bound.line_no is null then ' as a whole, with tax'
            else concat(' line ', cast(int_refunds_over_bound.line_no as varchar))
        end,
        ': refunded ', money_text(int_refunds_over_bound.refunded_amount), ' of ',
        money_text(int_refunds_over_bound.charged_amount), ' ', int_refunds_over_bound.currency,
        case
            when int_refunds_over_bound.other_amount = 0.0000 then ''
            else concat(' and, in other currencies, ', money_text(int_refunds_over_bound.other_amount), ' ', $currency)
        end,
        ', returned ', cast(int_refunds_over_bound.returned_units as varchar), ' of ',
        cast(int_refunds_over_bound.sold_units as varchar), ' units'
    ) as detail
from int_refunds_over_bound
