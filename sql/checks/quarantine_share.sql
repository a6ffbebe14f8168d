-- Money in quarantine, per stream and currency, as a share of the source. Warns, then blocks; it blocks only when the
-- money itself, at the latest rate, is above the materiality.
select
    reconciliation.stream as stream,
    reconciliation.quarantined as amount,
    concat(
        cast(cast(reconciliation.quarantined as decimal(24,2)) as varchar), ' of ', cast(cast(reconciliation.left_amount as decimal(24,2)) as varchar), ' ',
        case when reconciliation.currency = 'all' then '' else concat(reconciliation.currency, ' ') end, 'of ',
        reconciliation.stream, ' in quarantine'
    ) as detail,
    case
        when abs(reconciliation.quarantined) > cast($quarantine_share_block as decimal(9,6)) * abs(reconciliation.left_amount)
            and cast(abs(reconciliation.quarantined) as decimal(20,0)) * coalesce(int_latest_rates.rate, 1.00000000) > $materiality
            then 'block'
        else 'warn'
    end as severity
from reconciliation
left join int_latest_rates
    on reconciliation.currency = int_latest_rates.currency
where
    reconciliation.identity = 'conservation'
    and reconciliation.measure = 'amount'
    and abs(reconciliation.quarantined) > cast($quarantine_share_warn as decimal(9,6)) * abs(reconciliation.left_amount)
