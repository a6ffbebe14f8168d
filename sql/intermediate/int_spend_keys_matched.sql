-- One row per distinct platform, account and campaign name, era and rule that matches it; `place` 1 is the rule that wins.
-- Left out: campaigns that no rule matches; they are in suspense.
with campaigns as (
    select distinct
        stg_spend.platform as platform,
        stg_spend.account_id as account_id,
        stg_spend.campaign_name as campaign_name
    from stg_spend
)

select
    campaigns.platform as platform,
    campaigns.account_id as account_id,
    campaigns.campaign_name as campaign_name,
    int_channel_rules.era_from as era_from,
    int_channel_rules.era_to as era_to,
    int_channel_rules.rule_id as rule_id,
    int_channel_rules.marketing_channel as marketing_channel,
    int_channel_rules.claim_rank as claim_rank,
    int_channel_rules.priority as priority,
    row_number() over (
        partition by
            campaigns.platform,
            campaigns.account_id,
            campaigns.campaign_name,
            int_channel_rules.era_from
        order by
            int_channel_rules.claim_rank,
            int_channel_rules.priority,
            int_channel_rules.rule_id
    ) as place
from campaigns
join int_channel_rules
    on int_channel_rules.applies_to = 'spend'
    and campaigns.platform like int_channel_rules.platform
    and campaigns.account_id like int_channel_rules.account_id
    and campaigns.campaign_name like int_channel_rules.campaign
