-- One row per spend row that counts, on the channel of its campaign; shared brand campaigns stay on `shared`.
-- Currency: reporting currency at the rate of the day.
-- Left out: days that the as-of does not include.
with mapped as (
    select
        stg_spend.*,
        int_spend_keys_matched.marketing_channel as marketing_channel,
        case
            when stg_spend.currency = $currency then 1.00000000
            else fx_rate_at(stg_spend.currency, stg_spend.spent_on)
        end as fx_rate
    from stg_spend
    left join int_spend_keys_matched
        on stg_spend.platform = int_spend_keys_matched.platform
        and stg_spend.account_id = int_spend_keys_matched.account_id
        and stg_spend.campaign_name = int_spend_keys_matched.campaign_name
        and stg_spend.spent_on >= int_spend_keys_matched.era_from
        and stg_spend.spent_on < int_spend_keys_matched.era_to
        and int_spend_keys_matched.place = 1
),

judged as (
    select
        mapped.*,
        case
            when mapped.fx_rate is null then 'missing_fx_rate'
            when mapped.marketing_channel is null then 'unmapped_campaign'
        end as suspense_reason,
        coalesce(mapped.fx_rate, 0.00000000) as rate
    from mapped
)

select
    judged.spend_key as spend_key,
    judged.spent_on as booked_on,
    judged.spent_on as ordered_on,
    'none' as sales_channel,
    case when judged.suspense_reason is null then judged.marketing_channel else 'suspense' end as marketing_channel,
    cast(-judged.amount * judged.rate as decimal(18,4)) as media_spend,
    cast(judged.credit * judged.rate as decimal(18,4)) as media_credits,
    cast(judged.credit - judged.amount as decimal(18,4)) as original_amount,
    judged.credit as original_credit,
    judged.currency as original_currency,
    judged.fx_rate as fx_rate,
    judged.suspense_reason as suspense_reason
from judged
