-- The files as they are, each row with its key as text and, where a column that must have a value has none, with the
-- names of those columns. Left out are only folders of later periods than the one that is reported on.
set variable as_of = timezone('{time_zone}', timestamp '{as_of_day} 00:00:00');
set variable as_of_day = date '{as_of_day}';
create macro local_day(instant) as cast(timezone('{time_zone}', instant) as date);

create view raw_orders as
select
    order_id as source_key,
    case
        when order_id is null
            or ordered_at is null
            or sales_channel is null
            or customer_id is null
            or is_first_order is null
            or status is null
            or currency is null
            or shipping_charged is null
            or shipping_discount is null
            or tax is null
            or order_total is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(order_id is null, 'order_id', null),
            if(ordered_at is null, 'ordered_at', null),
            if(sales_channel is null, 'sales_channel', null),
            if(customer_id is null, 'customer_id', null),
            if(is_first_order is null, 'is_first_order', null),
            if(status is null, 'status', null),
            if(currency is null, 'currency', null),
            if(shipping_charged is null, 'shipping_charged', null),
            if(shipping_discount is null, 'shipping_discount', null),
            if(tax is null, 'tax', null),
            if(order_total is null, 'order_total', null)
        )
    end as broken,
    *
from read_parquet('{data}/orders/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_order_lines as
select
    order_id || '|' || line_no as source_key,
    case
        when order_id is null
            or line_no is null
            or sku is null
            or quantity is null
            or list_price is null
            or discount is null
            or platform_discount is null
            or tax is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(order_id is null, 'order_id', null),
            if(line_no is null, 'line_no', null),
            if(sku is null, 'sku', null),
            if(quantity is null, 'quantity', null),
            if(list_price is null, 'list_price', null),
            if(discount is null, 'discount', null),
            if(platform_discount is null, 'platform_discount', null),
            if(tax is null, 'tax', null)
        )
    end as broken,
    *
from read_parquet('{data}/order_lines/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_refunds as
select
    refund_id as source_key,
    case
        when refund_id is null
            or order_id is null
            or refunded_at is null
            or kind is null
            or quantity is null
            or amount is null
            or tax is null
            or currency is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(refund_id is null, 'refund_id', null),
            if(order_id is null, 'order_id', null),
            if(refunded_at is null, 'refunded_at', null),
            if(kind is null, 'kind', null),
            if(quantity is null, 'quantity', null),
            if(amount is null, 'amount', null),
            if(tax is null, 'tax', null),
            if(currency is null, 'currency', null)
        )
    end as broken,
    *
from read_parquet('{data}/refunds/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_product_costs as
select
    sku || '|' || valid_from as source_key,
    case
        when sku is null
            or valid_from is null
            or unit_cost is null
            or landed_cost is null
            or currency is null
            or status is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(sku is null, 'sku', null),
            if(valid_from is null, 'valid_from', null),
            if(unit_cost is null, 'unit_cost', null),
            if(landed_cost is null, 'landed_cost', null),
            if(currency is null, 'currency', null),
            if(status is null, 'status', null)
        )
    end as broken,
    *
from read_parquet('{data}/product_costs/*.parquet');

create view raw_spend as
select
    spend_date || '|' || platform || '|' || account_id || '|' || campaign_id as source_key,
    case
        when spend_date is null
            or platform is null
            or account_id is null
            or campaign_id is null
            or campaign_name is null
            or amount is null
            or credit is null
            or currency is null
            or impressions is null
            or clicks is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(spend_date is null, 'spend_date', null),
            if(platform is null, 'platform', null),
            if(account_id is null, 'account_id', null),
            if(campaign_id is null, 'campaign_id', null),
            if(campaign_name is null, 'campaign_name', null),
            if(amount is null, 'amount', null),
            if(credit is null, 'credit', null),
            if(currency is null, 'currency', null),
            if(impressions is null, 'impressions', null),
            if(clicks is null, 'clicks', null)
        )
    end as broken,
    *
from read_parquet('{data}/spend/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_spend_control as
select
    stream || '|' || day || '|' || platform || '|' || account_id as source_key,
    case
        when stream is null
            or day is null
            or platform is null
            or account_id is null
            or currency is null
            or rows is null
            or amount is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(stream is null, 'stream', null),
            if(day is null, 'day', null),
            if(platform is null, 'platform', null),
            if(account_id is null, 'account_id', null),
            if(currency is null, 'currency', null),
            if(rows is null, 'rows', null),
            if(amount is null, 'amount', null)
        )
    end as broken,
    *
from read_parquet('{data}/spend_control/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_shipments as
select
    shipment_id as source_key,
    case
        when shipment_id is null
            or order_id is null
            or node is null
            or carrier is null
            or service is null
            or zone is null
            or expedited is null
            or shipped_at is null
            or cost is null
            or cost_kind is null
            or currency is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(shipment_id is null, 'shipment_id', null),
            if(order_id is null, 'order_id', null),
            if(node is null, 'node', null),
            if(carrier is null, 'carrier', null),
            if(service is null, 'service', null),
            if(zone is null, 'zone', null),
            if(expedited is null, 'expedited', null),
            if(shipped_at is null, 'shipped_at', null),
            if(cost is null, 'cost', null),
            if(cost_kind is null, 'cost_kind', null),
            if(currency is null, 'currency', null)
        )
    end as broken,
    *
from read_parquet('{data}/shipments/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_fees as
select
    fee_id as source_key,
    case
        when fee_id is null
            or event_at is null
            or kind is null
            or amount is null
            or currency is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(fee_id is null, 'fee_id', null),
            if(event_at is null, 'event_at', null),
            if(kind is null, 'kind', null),
            if(amount is null, 'amount', null),
            if(currency is null, 'currency', null)
        )
    end as broken,
    *
from read_parquet('{data}/fees/*/*.parquet', hive_partitioning = true, hive_types = {'month': varchar})
where month <= '{period}';

create view raw_fx_rates as
select
    rate_date || '|' || currency as source_key,
    case
        when rate_date is null
            or currency is null
            or rate is null
        then 'null_in_' || concat_ws(
            '_and_',
            if(rate_date is null, 'rate_date', null),
            if(currency is null, 'currency', null),
            if(rate is null, 'rate', null)
        )
    end as broken,
    *
from read_parquet('{data}/fx_rates/*.parquet');

