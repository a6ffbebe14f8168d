-- Two rules of equal rank and priority that send the same row to different channels. Blocks: nobody can say which is right.
select
    int_channel_conflicts.applies_to as stream,
    cast(0 as decimal(24,4)) as amount,
    concat(
        'rules ', int_channel_conflicts.one_rule, ' (', int_channel_conflicts.one_channel, ') and ',
        int_channel_conflicts.other_rule, ' (', int_channel_conflicts.other_channel, ') both match ', min(int_channel_conflicts.marks)
    ) as detail
from int_channel_conflicts
group by
    int_channel_conflicts.applies_to,
    int_channel_conflicts.one_rule,
    int_channel_conflicts.one_channel,
    int_channel_conflicts.other_rule,
    int_channel_conflicts.other_channel
