-- One row per shipment that a customer was promised a time for. What has not arrived yet is late once the promise has passed.
-- Currency: reporting currency at the rate of the day it was shipped; 0 without a rate.
-- Left out: handling and return costs, shipments without a promise, shipments at or after the as-of.
select
    shipments.shipment_id as shipment_id,
    local_day(shipments.shipped_at) as shipped_on,
    shipments.node as node,
    shipments.carrier as carrier,
    shipments.service as service,
    shipments.zone as zone,
    coalesce(shipments.delivered_at, $as_of) > shipments.promised_at as is_late,
    cast(shipments.cost * coalesce(
        case
            when shipments.currency = $currency then 1.00000000
            else fx_rate_at(shipments.currency, local_day(shipments.shipped_at))
        end,
        0.00000000
    ) as decimal(18,4)) as cost
from shipments
where
    shipments.cost_kind = 'carrier'
    and shipments.promised_at is not null
    and shipments.shipped_at < $as_of
