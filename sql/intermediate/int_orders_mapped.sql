-- One row per order, with its channel, its rate and why it cannot be mapped.
-- Currency: the order's own; `fx_rate` is the rate of the order's day and null when there is none.
-- Left out: nothing. Orders that do not count yet are marked.
select
    stg_orders.order_id as order_id,
    stg_orders.ordered_on as ordered_on,
    stg_orders.is_counted as is_counted,
    stg_orders.sales_channel as sales_channel,
    coalesce(int_order_keys_matched.marketing_channel, 'suspense') as marketing_channel,
    case when int_order_keys_matched.marketing_channel is null then 'unmapped_order' end as mapping_reason,
    stg_orders.currency as currency,
    case
        when stg_orders.currency = $currency then 1.00000000
        else fx_rate_at(stg_orders.currency, stg_orders.ordered_on)
    end as fx_rate,
    stg_orders.shipping_amount as shipping_amount,
    stg_orders.tax as tax,
    stg_orders.order_total as order_total
from stg_orders
left join int_order_keys_matched
    on stg_orders.sales_channel = int_order_keys_matched.sales_channel
    and stg_orders.utm_source = int_order_keys_matched.utm_source
    and stg_orders.utm_medium = int_order_keys_matched.utm_medium
    and stg_orders.utm_campaign = int_order_keys_matched.utm_campaign
    and stg_orders.affiliate_id = int_order_keys_matched.affiliate_id
    and stg_orders.ordered_on >= int_order_keys_matched.era_from
    and stg_orders.ordered_on < int_order_keys_matched.era_to
    and int_order_keys_matched.place = 1
