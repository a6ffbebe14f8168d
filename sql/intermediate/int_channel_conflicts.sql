-- One row per set of marks that two rules of equal rank and priority send to different channels, in each era.
-- Left out: rules that lose to a better one.
with matches as (
    select
        'order' as applies_to,
        concat_ws(
            ' / ',
            int_order_keys_matched.sales_channel,
            int_order_keys_matched.utm_source,
            int_order_keys_matched.utm_medium,
            int_order_keys_matched.utm_campaign,
            int_order_keys_matched.affiliate_id
        ) as marks,
        int_order_keys_matched.era_from as era_from,
        int_order_keys_matched.claim_rank as claim_rank,
        int_order_keys_matched.priority as priority,
        int_order_keys_matched.rule_id as rule_id,
        int_order_keys_matched.marketing_channel as marketing_channel
    from int_order_keys_matched
    union all
    select
        'spend' as applies_to,
        concat_ws(
            ' / ',
            int_spend_keys_matched.platform,
            int_spend_keys_matched.account_id,
            int_spend_keys_matched.campaign_name
        ) as marks,
        int_spend_keys_matched.era_from as era_from,
        int_spend_keys_matched.claim_rank as claim_rank,
        int_spend_keys_matched.priority as priority,
        int_spend_keys_matched.rule_id as rule_id,
        int_spend_keys_matched.marketing_channel as marketing_channel
    from int_spend_keys_matched
),

placed as (
    select
        matches.*,
        rank() over (
            partition by matches.applies_to, matches.marks, matches.era_from
            order by matches.claim_rank, matches.priority
        ) as place
    from matches
)

select
    placed.applies_to as applies_to,
    placed.marks as marks,
    placed.era_from as era_from,
    min(placed.rule_id) as one_rule,
    max(placed.rule_id) as other_rule,
    min(placed.marketing_channel) as one_channel,
    max(placed.marketing_channel) as other_channel
from placed
where placed.place = 1
group by
    placed.applies_to,
    placed.marks,
    placed.era_from
having min(placed.marketing_channel) <> max(placed.marketing_channel)
