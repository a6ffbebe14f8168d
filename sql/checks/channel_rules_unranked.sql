-- Order rules whose kind of claim has no priority, so that they would never be used. Blocks.
select
    'channel_rules' as stream,
    cast(0 as decimal(24,4)) as amount,
    concat('rule ', stg_channel_rules.rule_id, ' has the claim ', stg_channel_rules.claim, ', which channel_priority does not rank') as detail
from stg_channel_rules
left join stg_channel_priority
    on stg_channel_rules.claim = stg_channel_priority.claim
where
    stg_channel_rules.claim is not null
    and stg_channel_priority.claim is null
