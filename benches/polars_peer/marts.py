"""The marts: sums over the ledger, on both bases. `booked` is the day of the row, `cohort` the day of its order."""

import polars as pl
import reference
from ledger import LINES, MEMOS, zero
from polars import col, lit, when

SUM = pl.Decimal(38, 4)
COUNT = pl.Decimal(20, 0)
REVENUE = LINES[:9]
BY_DAY = (
    "booked_on ordered_on sales_channel marketing_channel original_currency in_suspense is_found"
).split()
SOURCE_AMOUNTS = ["original_amount", "original_tax", "original_credit", "original_difference"]
LEVELS = ["net_revenue", "contribution_1", "contribution_2", "contribution_3"]
# What each level adds to the one above.
STEPS = [REVENUE, LINES[9:13], LINES[13:18], LINES[18:]]


def sums(names):
    """Sums of decimals; of one type everywhere, so that streams fit under each other."""
    return [col(name).cast(SUM).sum() for name in names]


def filled(frame, names, kind=SUM):
    """Columns that a stream does not have are 0."""
    has = frame.collect_schema().names()
    return [(col(name).fill_null(0) if name in has else lit(0)).cast(kind).alias(name) for name in names]


def period_of(day):
    """A day's month as in `2026-10`."""
    return col(day).dt.strftime("%Y-%m")


def by_day(streams):
    """Each stream summed by everything but its keys and SKUs, all under each other."""
    return pl.concat([one_by_day(name, frame) for name, frame in streams.items()])


def one_by_day(name, frame):
    """One stream summed, with the measures that it has."""
    has = frame.collect_schema().names()
    found = col("is_found") if "is_found" in has else lit(True)
    frame = frame.with_columns(in_suspense=col("suspense_reason").is_not_null(), is_found=found)
    counts = [column for column in ("units", "costed_units") if column in has]
    amounts = [column for column in LINES + MEMOS + SOURCE_AMOUNTS if column in has]
    rows = pl.len().cast(pl.Int64).alias("row_count")
    summed = frame.group_by(BY_DAY).agg(rows, *map(total_units, counts), *sums(amounts))
    return summed.select(
        lit(name).alias("stream"),
        *BY_DAY,
        "row_count",
        *filled(summed, ["units", "costed_units"], pl.Int64),
        *filled(summed, LINES + MEMOS + SOURCE_AMOUNTS),
    )


def total_units(name):
    """Units are whole."""
    return col(name).cast(pl.Int64).sum()


def on_both_bases(frame, name, of_day=lambda day: col(day)):
    """Every row twice: by its own day and by that of its order."""
    return pl.concat(
        [
            frame.with_columns(lit(basis).alias("basis"), of_day(day).alias(name))
            for basis, day in (("booked", "booked_on"), ("cohort", "ordered_on"))
        ]
    )


def plus(names):
    """The sum of columns in a row."""
    first, *others = names
    total = col(first)
    for name in others:
        total = total + col(name)
    return total


def with_levels(frame):
    """Each level is the one above and its own lines."""
    above = []
    for level, step in zip(LEVELS, STEPS):
        frame = frame.with_columns(plus([*above, *step]).alias(level))
        above = [level]
    return frame


def channel_daily(days):
    """Days by channel."""
    grain = ["day", "basis", "sales_channel", "marketing_channel"]
    orders = when(col("stream") == "orders").then("row_count").otherwise(0).sum().cast(COUNT).alias("orders")
    units = col("units").sum().cast(COUNT)
    summed = on_both_bases(days, "day").group_by(grain).agg(orders, units, *sums(LINES + MEMOS))
    return with_levels(summed.with_columns(period=period_of("day")))


def channel_monthly(daily):
    """Months by channel."""
    grain = ["period", "basis", "sales_channel", "marketing_channel"]
    counts = [col(name).sum().cast(COUNT) for name in ("orders", "units")]
    return daily.group_by(grain).agg(*counts, *sums(LINES + MEMOS + LEVELS))


def month_of(day):
    """The first day of a day's month: cheaper to group by than a text."""
    return col(day).dt.truncate("1mo")


def product_monthly(streams, days):
    """Months by SKU. `none`: the row belongs to no SKU. `unknown`: its order or line was not found."""
    sku = when("is_found").then(col("sku").fill_null("none")).otherwise(lit("unknown"))
    others = days.filter(~col("stream").is_in(["order_lines", "refunds"])).with_columns(
        sku=when("is_found").then(lit("none")).otherwise(lit("unknown"))
    )
    parts = [lines_by_product(streams["order_lines"])]
    parts += [besides_lines_by_product(part) for part in (streams["refunds"].with_columns(sku=sku), others)]
    grain = ["month", "basis", "sku", "marketing_channel"]
    rows = pl.concat(parts).group_by(grain).agg(col("units").sum().cast(COUNT), *sums(LINES + MEMOS))
    return with_levels(rows.select(period_of("month").alias("period"), pl.all().exclude("month")))


def lines_by_product(order_lines):
    """Order lines are booked on the day of their order: one sum holds on both bases."""
    measures = ["gross_sales", "discounts", "platform_discounts", "product_cost", "landed_cost", "tax"]
    grouped = order_lines.group_by("sku", "marketing_channel", month=month_of("booked_on"))
    summed = grouped.agg(total_units("units"), *sums(measures))
    bases = pl.LazyFrame({"basis": ["booked", "cohort"]})
    return product_columns(summed.join(bases, how="cross"))


def besides_lines_by_product(part):
    """All other rows summed by month and SKU, by their own day and by that of their order."""
    rows = part.select("booked_on", "ordered_on", "sku", "marketing_channel", *measures_of(part))
    grouped = on_both_bases(rows, "month", month_of).group_by("month", "basis", "sku", "marketing_channel")
    return product_columns(grouped.agg(col("units").sum(), *sums(LINES + MEMOS)))


def measures_of(part):
    """Units, lines and memos, also those that a part does not have."""
    return [*filled(part, ["units"], pl.Int64), *filled(part, LINES + MEMOS)]


def product_columns(part):
    """One order of columns, so that parts fit under each other."""
    return part.select("month", "basis", "sku", "marketing_channel", *measures_of(part))


def months_of_ledger(days):
    """What each pair of months, booked and of the order, comes to, measure by measure."""
    pair = [period_of("booked_on").alias("booked_period"), period_of("ordered_on").alias("ordered_period")]
    summed = days.group_by(*pair).agg(*sums(["units", *LINES, *MEMOS]))
    index = ["booked_period", "ordered_period"]
    return summed.unpivot(index=index, variable_name="measure", value_name="amount")


def basis_bridge(months):
    """Booked = cohort + booked of other orders - booked in other periods."""
    amount, crosses, none = col("amount"), col("booked_period") != col("ordered_period"), zero(SUM)
    across = when(crosses).then(amount).otherwise(none)
    booked = months.select(
        "measure", period="booked_period", cohort=none, booked=amount, booked_of_other_orders=across,
        booked_in_other_periods=none,
    )
    cohort = months.select(
        "measure", period="ordered_period", cohort=amount, booked=none, booked_of_other_orders=none,
        booked_in_other_periods=-across,
    )
    terms = ["cohort", "booked_of_other_orders", "booked_in_other_periods", "booked"]
    return pl.concat([booked, cohort]).group_by("period", "measure").agg(*sums(terms))


def suspense_items(rows, options):
    """Every row in suspense with who clears it."""
    owners = reference.csv(options, "suspense_reasons").lazy().select("reason", "owner", "action")
    return (
        rows.filter(col("suspense_reason").is_not_null())
        .rename({"suspense_reason": "reason"})
        .join(owners, on="reason", how="left")
        .select(
            "stream",
            "source_key",
            "reason",
            "booked_on",
            period_of("booked_on").alias("period"),
            (lit(options.as_of_day) - col("booked_on")).dt.total_days().alias("age_days"),
            col("owner").fill_null("unowned"),
            col("action").fill_null(""),
            "order_id",
            "sku",
            "sales_channel",
            plus(LINES).cast(pl.Decimal(18, 4)).alias("amount"),
            "original_amount",
            "original_currency",
        )
    )


def quarantined_worth(name):
    """What a row in quarantine is worth, and in which currency. Rates and costs are no money."""
    nothing = zero(SUM)
    goods = (col("list_price") * col("quantity")).fill_null(zero())
    discounts = col("discount").fill_null(zero()) + col("platform_discount").fill_null(zero())
    amounts = {
        "orders": col("order_total"),
        "order_lines": goods - discounts,
        "shipments": col("cost"),
        "product_costs": nothing,
        "fx_rates": nothing,
    }
    without_currency = name in ("order_lines", "product_costs", "fx_rates")
    return {
        "amount": amounts.get(name, col("amount")).cast(SUM).fill_null(nothing),
        "currency": lit("") if without_currency else col("currency").fill_null(""),
    }


def quarantined(sources):
    """What the contract refused, per source."""
    shown = ["stream", "source_key", "reject_reason", "amount", "currency", "content"]
    reject_reason = col("broken").fill_null("duplicate_key")
    parts = [
        source.aside.filter(col("fate") == "quarantined")
        .with_columns(stream=lit(name), reject_reason=reject_reason, **quarantined_worth(name))
        .select(shown)
        for name, source in sources.items()
    ]
    rows = pl.concat(parts).sort("stream", "source_key", "content", "reject_reason", nulls_last=True)
    number = (pl.int_range(pl.len()) + 1).over("stream")
    return rows.with_columns(row_no=number, source_file=lit(None, pl.String)).lazy()
