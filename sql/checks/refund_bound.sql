-- Order lines that were refunded more than they were charged, or returned in more units than were sold. Blocks.
select
    'refunds' as stream,
    cast(int_refunds_over_bound.refunded_amount as decimal(24,4)) as amount,
    concat(
        'order ', int_refunds_over_bound.order_id, ' line ', cast(int_refunds_over_bound.line_no as varchar), ': refunded ',
        cast(int_refunds_over_bound.refunded_amount as varchar), ' of ', cast(cast(int_refunds_over_bound.charged_amount as decimal(24,2)) as varchar), ' ',
        int_refunds_over_bound.currency, ', returned ', cast(int_refunds_over_bound.returned_units as varchar), ' of ',
        cast(int_refunds_over_bound.sold_units as varchar), ' units'
    ) as detail
from int_refunds_over_bound
