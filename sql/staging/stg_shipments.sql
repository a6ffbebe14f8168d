-- One row per shipment cost.
-- Currency: the carrier's or node's own.
-- Left out: shipments at or after the as-of (`int_shipments_counted` counts them).
select
    shipments.shipment_id as shipment_id,
    shipments.order_id as order_id,
    local_day(shipments.shipped_at) as shipped_on,
    shipments.cost as cost,
    shipments.cost_kind as cost_kind,
    shipments.currency as currency
from shipments
where shipments.shipped_at < $as_of
