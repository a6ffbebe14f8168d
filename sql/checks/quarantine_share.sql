-- Money in quarantine, per stream and currency, as a share of the source. Warns, then blocks.
select
    reconciliation.stream as stream,
    reconciliation.quarantined as amount,
    concat(
        cast(reconciliation.quarantined as varchar), ' of ', cast(reconciliation.left_amount as varchar), ' ',
        reconciliation.currency, ' of ', reconciliation.stream, ' in quarantine'
    ) as detail,
    case
        when abs(reconciliation.quarantined) > cast($quarantine_share_block as decimal(9,6)) * abs(reconciliation.left_amount) then 'block'
        else 'warn'
    end as severity
from reconciliation
where
    reconciliation.identity = 'conservation'
    and reconciliation.measure = 'amount'
    and abs(reconciliation.quarantined) > cast($quarantine_share_warn as decimal(9,6)) * abs(reconciliation.left_amount)
