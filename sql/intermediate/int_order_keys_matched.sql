-- One row per distinct set of order marks, era and rule that matches it; `place` 1 is the rule that wins.
-- A fee without an order has the marks of an order on its sales channel without any click.
-- Left out: marks that no rule matches; they are in suspense.
with marks as (
    select
        stg_orders.sales_channel as sales_channel,
        stg_orders.utm_source as utm_source,
        stg_orders.utm_medium as utm_medium,
        stg_orders.utm_campaign as utm_campaign,
        stg_orders.affiliate_id as affiliate_id
    from stg_orders
    union
    select
        stg_fees.sales_channel as sales_channel,
        '' as utm_source,
        '' as utm_medium,
        '' as utm_campaign,
        '' as affiliate_id
    from stg_fees
    where stg_fees.order_id is null
)

select
    marks.sales_channel as sales_channel,
    marks.utm_source as utm_source,
    marks.utm_medium as utm_medium,
    marks.utm_campaign as utm_campaign,
    marks.affiliate_id as affiliate_id,
    int_channel_rules.era_from as era_from,
    int_channel_rules.era_to as era_to,
    int_channel_rules.rule_id as rule_id,
    int_channel_rules.marketing_channel as marketing_channel,
    int_channel_rules.claim_rank as claim_rank,
    int_channel_rules.priority as priority,
    row_number() over (
        partition by
            marks.sales_channel,
            marks.utm_source,
            marks.utm_medium,
            marks.utm_campaign,
            marks.affiliate_id,
            int_channel_rules.era_from
        order by
            int_channel_rules.claim_rank,
            int_channel_rules.priority,
            int_channel_rules.rule_id
    ) as place
from marks
join int_channel_rules
    on int_channel_rules.applies_to = 'order'
    and marks.sales_channel like int_channel_rules.sales_channel
    and marks.utm_source like int_channel_rules.utm_source
    and marks.utm_medium like int_channel_rules.utm_medium
    and marks.utm_campaign like int_channel_rules.campaign
    and marks.affiliate_id like int_channel_rules.affiliate_id
