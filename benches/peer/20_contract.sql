-- The contract: a row without a value that it must have, and every row of a key that occurs with different contents, is
-- in quarantine; of exact copies one is kept. Only the few rows concerned are materialised.
create macro set_aside(source) as table
with repeated as (
    select source_key
    from query_table(source)
    where broken is null
    group by source_key
    having count(*) > 1
),

concerned as (
    select
        row_of_file.*,
        cast(to_json(row_of_file) as varchar) as content
    from query_table(source) as row_of_file
    where
        broken is not null
        or source_key in (select source_key from repeated)
)

select
    *,
    case
        when broken is not null or min(content) over copies <> max(content) over copies then 'quarantined'
        when row_number() over copies = 1 then 'kept'
        else 'duplicates'
    end as fate
from concerned
window copies as (partition by source_key, broken is null);

create macro kept(source, aside) as table
select *
from query_table(source) as row_of_file
where
    broken is null
    and not exists (
        select 1
        from query_table(aside) as other
        where other.source_key = row_of_file.source_key and other.broken is null
    )
union all by name
select * exclude (content, fate)
from query_table(aside)
where fate = 'kept';

create table orders_aside as from set_aside('raw_orders');
create view orders as from kept('raw_orders', 'orders_aside');
create table order_lines_aside as from set_aside('raw_order_lines');
create view order_lines as from kept('raw_order_lines', 'order_lines_aside');
create table refunds_aside as from set_aside('raw_refunds');
create view refunds as from kept('raw_refunds', 'refunds_aside');
create table shipments_aside as from set_aside('raw_shipments');
create view shipments as from kept('raw_shipments', 'shipments_aside');
create table fees_aside as from set_aside('raw_fees');
create view fees as from kept('raw_fees', 'fees_aside');
create table spend_aside as from set_aside('raw_spend');
create view spend as from kept('raw_spend', 'spend_aside');
create table spend_control_aside as from set_aside('raw_spend_control');
create view spend_control as from kept('raw_spend_control', 'spend_control_aside');
create table product_costs_aside as from set_aside('raw_product_costs');
create view product_costs as from kept('raw_product_costs', 'product_costs_aside');
create table fx_rates_aside as from set_aside('raw_fx_rates');
create view fx_rates as from kept('raw_fx_rates', 'fx_rates_aside');
