-- One row per fee of a known order, or of no order, on the line of its kind.
-- A fee without an order takes the channel that its sales channel has without any click.
-- Currency: reporting currency at the rate of the fee's day.
-- Left out: fees whose order has not been found yet; they are carried to the next older intake.
with channels as (
    select
        int_order_keys_matched.sales_channel as sales_channel,
        int_order_keys_matched.marketing_channel as marketing_channel,
        int_order_keys_matched.era_from as era_from,
        int_order_keys_matched.era_to as era_to
    from int_order_keys_matched
    where
        int_order_keys_matched.place = 1
        and int_order_keys_matched.utm_source = ''
        and int_order_keys_matched.utm_medium = ''
        and int_order_keys_matched.utm_campaign = ''
        and int_order_keys_matched.affiliate_id = ''
),

matched as (
    select
        stg_fees.fee_id as fee_id,
        stg_fees.order_id as order_id,
        stg_fees.charged_on as charged_on,
        coalesce(int_orders_mapped.ordered_on, stg_fees.charged_on) as ordered_on,
        coalesce(int_orders_mapped.sales_channel, stg_fees.sales_channel) as sales_channel,
        coalesce(int_orders_mapped.marketing_channel, channels.marketing_channel) as marketing_channel,
        case
            when int_orders_mapped.order_id is not null then int_orders_mapped.mapping_reason
            when channels.marketing_channel is null then 'unmapped_order'
        end as mapping_reason,
        stg_fees.kind as kind,
        stg_fees.amount as amount,
        stg_fees.currency as currency,
        case
            when stg_fees.currency = $currency then 1.00000000
            else fx_rate_at(stg_fees.currency, stg_fees.charged_on)
        end as fx_rate
    from stg_fees
    left join int_orders_mapped
        on stg_fees.order_id = int_orders_mapped.order_id
        and int_orders_mapped.is_counted
    left join channels
        on stg_fees.sales_channel = channels.sales_channel
        and stg_fees.order_id is null
        and stg_fees.charged_on >= channels.era_from
        and stg_fees.charged_on < channels.era_to
    where stg_fees.order_id is null or int_orders_mapped.order_id is not null
),

judged as (
    select
        matched.*,
        case
            when matched.fx_rate is null then 'missing_fx_rate'
            when matched.kind not in (
                'payment', 'marketplace', 'chargeback', 'promotion_reimbursement', 'write_down', 'affiliate'
            ) then 'unknown_kind'
            else matched.mapping_reason
        end as suspense_reason,
        cast(-matched.amount * coalesce(matched.fx_rate, 0.00000000) as decimal(18,4)) as reporting_amount
    from matched
)

select
    judged.fee_id as fee_id,
    judged.order_id as order_id,
    judged.charged_on as booked_on,
    judged.ordered_on as ordered_on,
    judged.sales_channel as sales_channel,
    case when judged.suspense_reason is null then judged.marketing_channel else 'suspense' end as marketing_channel,
    case when judged.kind = 'promotion_reimbursement' then judged.reporting_amount else 0.0000 end as platform_discounts,
    case when judged.kind = 'chargeback' then judged.reporting_amount else 0.0000 end as chargebacks,
    case when judged.kind = 'write_down' then judged.reporting_amount else 0.0000 end as write_downs,
    case
        when judged.kind in ('marketplace', 'chargeback', 'promotion_reimbursement', 'write_down', 'affiliate') then 0.0000
        else judged.reporting_amount
    end as payment_fees,
    case when judged.kind = 'marketplace' then judged.reporting_amount else 0.0000 end as marketplace_fees,
    case when judged.kind = 'affiliate' then judged.reporting_amount else 0.0000 end as affiliate_commission,
    cast(-judged.amount as decimal(18,4)) as original_amount,
    judged.currency as original_currency,
    judged.fx_rate as fx_rate,
    judged.suspense_reason as suspense_reason
from judged
