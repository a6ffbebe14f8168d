-- Account-days on which the platform states something else than was read. Blocks.
select
    'spend' as stream,
    case
        when int_spend_controlled.currency = $currency then int_spend_controlled.stated_amount - int_spend_controlled.read_amount
    end as amount,
    concat(
        int_spend_controlled.platform, ' ', int_spend_controlled.account_id, ' on ', cast(int_spend_controlled.day as varchar), ': stated ',
        money_text(int_spend_controlled.stated_amount), ' ', int_spend_controlled.currency, ' in ',
        cast(int_spend_controlled.stated_rows as varchar), ' rows, read ', money_text(int_spend_controlled.read_amount), ' in ',
        cast(int_spend_controlled.read_rows as varchar)
    ) as detail
from int_spend_controlled
where
    int_spend_controlled.stated_amount <> int_spend_controlled.read_amount
    or int_spend_controlled.stated_rows <> int_spend_controlled.read_rows
