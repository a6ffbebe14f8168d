-- Money in quarantine, per stream and currency, as a share of the source. Order lines have no currency of their own: of
-- them only the share is told. Warns, then blocks; it blocks only when the money itself, at the latest rate, is above the
-- materiality.
select
    reconciliation.stream as stream,
    case when reconciliation.currency = $currency then reconciliation.quarantined end as amount,
    concat(
        case
            when reconciliation.currency = 'all'
                then concat(
                    money_text(cast(cast(reconciliation.quarantined as decimal(24,4)) * cast(100 as decimal(3,0)) / nullif(cast(reconciliation.left_amount as decimal(24,4)), 0.0000) as decimal(18,4))),
                    ' % of the money of '
                )
            else concat(
                money_text(reconciliation.quarantined), ' of ', money_text(reconciliation.left_amount), ' ', reconciliation.currency, ' of '
            )
        end,
        replace(reconciliation.stream, '_', ' '), ' in quarantine'
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
