-- Account-days on which the platform states something else than was read. Blocks.
select
    'spend' as stream,
    int_spend_controlled.stated_amount - int_spend_controlled.read_amount as amount,
    concat(
        int_spend_controlled.platform, ' ', int_spend_controlled.account_id, ' on ', cast(int_spend_controlled.day as varchar), ': stated ',
        cast(cast(int_spend_controlled.stated_amount as decimal(24,2)) as varchar), ' ', int_spend_controlled.currency, ' in ',
        cast(int_spend_controlled.stated_rows as varchar), ' rows, read ', cast(cast(int_spend_controlled.read_amount as decimal(24,2)) as varchar), ' in ',
        cast(int_spend_controlled.read_rows as varchar)
    ) as detail
from int_spend_controlled
where
    int_spend_controlled.stated_amount <> int_spend_controlled.read_amount
    or int_spend_controlled.stated_rows <> int_spend_controlled.read_rows
