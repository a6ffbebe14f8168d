-- Refunds of the period in another currency than their order's. Warns: their bound is judged by rates, not by the cent.
select
    'refunds' as stream,
    case
        when int_refunds_of_other_currency.currency = $currency then cast(sum(int_refunds_of_other_currency.amount) as decimal(24,4))
    end as amount,
    concat(
        cast(sum(int_refunds_of_other_currency.row_count) as varchar), ' refunds in ', int_refunds_of_other_currency.currency,
        ' are of orders in ', int_refunds_of_other_currency.order_currency, ': ',
        money_text(sum(int_refunds_of_other_currency.amount)), ' ', int_refunds_of_other_currency.currency, ', first ',
        min(int_refunds_of_other_currency.first_refund)
    ) as detail
from int_refunds_of_other_currency
where int_refunds_of_other_currency.period = $period
group by
    int_refunds_of_other_currency.currency,
    int_refunds_of_other_currency.order_currency
