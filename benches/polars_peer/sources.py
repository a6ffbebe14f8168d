"""The sources as they are, and their contract: what is kept, what is a copy, what is in quarantine."""

from dataclasses import dataclass, field

import polars as pl
from polars import col

# Key and columns that must have a value. A source by month has a folder per month.
CONTRACTS = {
    "orders": (
        ["order_id"],
        "order_id ordered_at sales_channel customer_id is_first_order status currency shipping_charged "
        "shipping_discount tax order_total",
    ),
    "order_lines": (
        ["order_id", "line_no"],
        "order_id line_no sku quantity list_price discount platform_discount tax",
    ),
    "refunds": (["refund_id"], "refund_id order_id refunded_at kind quantity amount tax currency"),
    "shipments": (
        ["shipment_id"],
        "shipment_id order_id node carrier service zone expedited shipped_at cost cost_kind currency",
    ),
    "fees": (["fee_id"], "fee_id event_at kind amount currency"),
    "spend": (
        ["spend_date", "platform", "account_id", "campaign_id"],
        "spend_date platform account_id campaign_id campaign_name amount credit currency impressions clicks",
    ),
    "spend_control": (
        ["stream", "day", "platform", "account_id"],
        "stream day platform account_id currency rows amount",
    ),
    "product_costs": (["sku", "valid_from"], "sku valid_from unit_cost landed_cost currency status"),
    "fx_rates": (["rate_date", "currency"], "rate_date currency rate"),
}
WITHOUT_MONTHS = ("product_costs", "fx_rates")


@dataclass
class Source:
    """One source: all its rows, those that its contract sets aside with their fate, and those that count."""

    raw: pl.LazyFrame
    aside: pl.DataFrame
    kept: pl.LazyFrame = field(repr=False)


def text_key(keys):
    """The key as one text; null where a part is."""
    return pl.concat_str(*keys, separator="|").alias("source_key")


def scanned(options, name):
    """All files, but for folders of later periods than the one that is reported on."""
    if name in WITHOUT_MONTHS:
        return pl.scan_parquet(f"{options.data}/{name}/*.parquet")
    files = f"{options.data}/{name}/*/*.parquet"
    by_month = pl.scan_parquet(files, hive_partitioning=True, hive_schema={"month": pl.String})
    return by_month.filter(col("month") <= options.period)


def set_aside(raw, keys, required):
    """Rows without a value that they must have, and all rows of a key that is there more than once; few in all."""
    whole = pl.all_horizontal(col(name).is_not_null() for name in required)
    repeated = raw.filter(whole).group_by(keys).len().filter(col("len") > 1).select(keys)
    missing = [pl.when(col(name).is_null()).then(pl.lit(name)) for name in required]
    names = pl.lit("null_in_") + pl.concat_str(*missing, separator="_and_", ignore_nulls=True)
    both = pl.concat(
        [
            raw.filter(~whole).with_columns(broken=names),
            raw.filter(whole).join(repeated, on=keys, how="semi").with_columns(broken=pl.lit(None, pl.String)),
        ]
    ).collect(engine="streaming")
    both = both.with_columns(text_key(keys), content=pl.struct(pl.all().exclude("broken")).struct.json_encode())
    contents = col("content").n_unique().over(keys + ["broken"])
    first = pl.int_range(pl.len()).over(keys + ["broken"]) == 0
    quarantined = col("broken").is_not_null() | (contents > 1)
    fate = pl.when(quarantined).then(pl.lit("quarantined")).when(first).then(pl.lit("kept"))
    return both.with_columns(fate=fate.otherwise(pl.lit("duplicates")))


def read(options, name):
    """A source, held to its contract: of exact copies one is kept, of contradictory rows none."""
    keys, required = CONTRACTS[name]
    required = required.split()
    raw = scanned(options, name)
    aside = set_aside(raw, keys, required)
    repeated = aside.filter(col("broken").is_null())
    once = raw.drop_nulls(required)
    if repeated.height:
        again = repeated.filter(col("fate") == "kept").drop("broken", "source_key", "content", "fate").lazy()
        once = pl.concat([once.join(repeated.lazy().select(keys).unique(), on=keys, how="anti"), again])
    return Source(raw, aside, once.with_columns(text_key(keys)))


def read_all(options):
    """Every source by its name."""
    return {name: read(options, name) for name in CONTRACTS}
