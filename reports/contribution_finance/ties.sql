-- Every tie of the run with both of its sides, broken ones first; for the spreadsheet.
select
    identity as identity,
    stream as stream,
    measure as measure,
    currency as currency,
    left_amount as left_amount,
    right_amount as right_amount,
    difference as difference,
    tolerance as tolerance,
    holds as holds
from reconciliation
order by
    holds,
    identity,
    stream,
    measure,
    currency
