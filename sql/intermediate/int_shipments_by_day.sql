-- One row per day booked, day of the order, channels, currency and reason for suspense: the shipments of known orders of this intake.
-- Currency: lines in reporting currency, `original_amount` in `original_currency`.
-- Left out: nothing of `int_shipments_posted`.
select
    'shipments' as stream,
    int_shipments_posted.booked_on as booked_on,
    int_shipments_posted.ordered_on as ordered_on,
    int_shipments_posted.sales_channel as sales_channel,
    int_shipments_posted.marketing_channel as marketing_channel,
    int_shipments_posted.original_currency as original_currency,
    int_shipments_posted.suspense_reason as suspense_reason,
    cast(count(*) as decimal(20,0)) as row_count,
    sum(int_shipments_posted.carrier_cost) as carrier_cost,
    sum(int_shipments_posted.handling_cost) as handling_cost,
    sum(int_shipments_posted.return_logistics) as return_logistics,
    sum(int_shipments_posted.original_amount) as original_amount
from int_shipments_posted
group by
    int_shipments_posted.booked_on,
    int_shipments_posted.ordered_on,
    int_shipments_posted.sales_channel,
    int_shipments_posted.marketing_channel,
    int_shipments_posted.original_currency,
    int_shipments_posted.suspense_reason
