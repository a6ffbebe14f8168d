-- One row per week, block and item: how often it occurred and what it came to.
-- Currency: reporting currency.
-- Left out: weeks after the one reported on. A late shipment counts with its cost, a return or campaign with its amount.
with occurrences as (
    select
        'late routing' as block,
        'operations@shop.example' as owner,
        coalesce(stg_route_classes.route_class, 'no route class') as item,
        concat_ws(' ', stg_promised_shipments.node, stg_promised_shipments.carrier) as part,
        stg_promised_shipments.shipped_on as day,
        stg_promised_shipments.is_late as is_bad,
        stg_promised_shipments.cost as amount
    from stg_promised_shipments
    left join stg_route_classes
        on stg_promised_shipments.node = stg_route_classes.node
        and stg_promised_shipments.carrier = stg_route_classes.carrier
        and stg_promised_shipments.service = stg_route_classes.service
        and stg_promised_shipments.zone = stg_route_classes.zone
        and stg_promised_shipments.shipped_on >= stg_route_classes.valid_from
        and stg_promised_shipments.shipped_on < stg_route_classes.valid_to
    union all
    select
        'returns' as block,
        'returns@shop.example' as owner,
        coalesce(stg_return_reasons.reason, concat('not mapped: ', stg_returns.raw_reason)) as item,
        coalesce(stg_return_reasons.fault, 'unknown') as part,
        stg_returns.refunded_on as day,
        true as is_bad,
        stg_returns.amount as amount
    from stg_returns
    left join stg_return_reasons
        on stg_returns.raw_reason = stg_return_reasons.raw_reason
        and stg_returns.refunded_on >= stg_return_reasons.valid_from
        and stg_returns.refunded_on < stg_return_reasons.valid_to
    union all
    select
        'campaigns' as block,
        'growth@shop.example' as owner,
        stg_campaign_days.campaign_name as item,
        concat_ws(' ', stg_campaign_days.platform, stg_campaign_days.account_id) as part,
        stg_campaign_days.spent_on as day,
        true as is_bad,
        stg_campaign_days.amount as amount
    from stg_campaign_days
)

select
    cast(date_trunc('week', occurrences.day) as date) as week_from,
    occurrences.block as block,
    occurrences.owner as owner,
    concat_ws(', ', occurrences.item, occurrences.part) as item,
    cast(count(*) as decimal(20,0)) as occurrences,
    cast(sum(case when occurrences.is_bad then cast(1 as decimal(20,0)) else cast(0 as decimal(20,0)) end) as decimal(20,0)) as bad,
    cast(sum(case when occurrences.is_bad then occurrences.amount else 0.0000 end) as decimal(24,4)) as amount
from occurrences
where occurrences.day < $period_end_day
group by
    cast(date_trunc('week', occurrences.day) as date),
    occurrences.block,
    occurrences.owner,
    concat_ws(', ', occurrences.item, occurrences.part)
