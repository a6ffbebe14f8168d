-- Money in quarantine, per stream and currency, as a share of the source, and rows in quarantine as a share of the source's
-- rows: an amount that cannot be read is no money. Order lines have no currency of their own: of them only the share is told.
-- Money warns, then blocks; it blocks only when it is above the materiality at the latest rate. Rows block above a share and
-- a number of them, and whenever no row at all can be read.
with sources as (
    select
        source_files.source as stream,
        cast(sum(source_files.rows) as decimal(20,0)) as row_count
    from source_files
    group by source_files.source
),

rejected as (
    select
        quarantined_rows.stream as stream,
        cast(count(*) as decimal(20,0)) as row_count
    from quarantined_rows
    group by quarantined_rows.stream
)

select
    rejected.stream as stream,
    cast(null as decimal(24,4)) as amount,
    concat(
        cast(rejected.row_count as varchar), ' of ', cast(sources.row_count as varchar), ' rows of ', replace(rejected.stream, '_', ' '),
        ' in quarantine'
    ) as detail,
    'block' as severity
from rejected
join sources
    on rejected.stream = sources.stream
where
    rejected.row_count >= sources.row_count
    or (
        rejected.row_count > cast($quarantine_rows_block as decimal(9,6)) * sources.row_count
        and rejected.row_count > $quarantine_rows_floor
    )
union all
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
