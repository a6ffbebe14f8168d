-- Every identity that does not hold. Blocks: a figure that does not tie out is not sent.
select
    reconciliation.stream as stream,
    reconciliation.difference as amount,
    concat(
        reconciliation.identity, ' of ', reconciliation.stream, ' (', reconciliation.measure, ', ', reconciliation.currency, '): ',
        cast(reconciliation.left_amount as varchar), ' on one side, ', cast(reconciliation.right_amount as varchar), ' on the other'
    ) as detail
from reconciliation
where not reconciliation.holds
