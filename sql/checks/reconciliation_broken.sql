-- Every identity that does not hold. Blocks: a figure that does not tie out is not sent.
select
    reconciliation.stream as stream,
    case
        when reconciliation.measure = 'amount' and reconciliation.currency = $currency then reconciliation.difference
    end as amount,
    concat(
        replace(reconciliation.identity, '_', ' '), ' of ', replace(reconciliation.stream, '_', ' '), ' (', reconciliation.measure, ', ', reconciliation.currency, '): ',
        cast(reconciliation.left_amount as varchar), ' on one side, ', cast(reconciliation.right_amount as varchar), ' on the other'
    ) as detail
from reconciliation
where not reconciliation.holds
