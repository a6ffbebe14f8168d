"""Reference data: rules as patterns, ranks of claims, dated rates and dated costs."""

import datetime
import re

import polars as pl
from polars import col

FOREVER = datetime.date(9999, 12, 31)
MARKS = ["sales_channel", "utm_source", "utm_medium", "utm_campaign", "affiliate_id"]
CAMPAIGN = ["platform", "account_id", "campaign_name"]
# The column of the rules that a mark is held against, where it has another name.
RULE_COLUMN = {"utm_campaign": "campaign", "campaign_name": "campaign"}


def csv(options, name):
    """A reference table as text, its days as days."""
    table = pl.read_csv(f"{options.reference}/{name}.csv", infer_schema=False)
    days = [day for day in ("valid_from", "valid_to") if day in table.columns]
    return table.with_columns(col(days).str.to_date("%Y-%m-%d")).with_columns(col(days[1:]).fill_null(FOREVER))


def regex(condition):
    """`*` is any text, `?` one character, nothing is "whatever it is", `(empty)` is "there is none"."""
    text = re.escape(("*" if condition is None else condition).replace("(empty)", ""))
    return "^(?s:" + text.replace(r"\*", ".*").replace(r"\?", ".") + ")$"


class Rules:
    """The rules of each era: a span of days in which no rule and no rank changes."""

    def __init__(self, options):
        self.rules = csv(options, "channel_rules").with_columns(col("priority").cast(pl.Int64))
        ranks = csv(options, "channel_priority").with_columns(claim_rank=col("rank").cast(pl.Int64))
        days = [table[day] for table in (self.rules, ranks) for day in ("valid_from", "valid_to")]
        # After the last change there is no era.
        self.starts = pl.concat(days).unique().sort()
        eras = pl.DataFrame({"era_from": self.starts[:-1]})
        in_force = (col("valid_from") <= col("era_from")) & (col("era_from") < col("valid_to"))
        ranked = ranks.join(eras, how="cross").filter(in_force).select("claim", "era_from", "claim_rank")
        self.by_era = (
            self.rules.join(eras, how="cross")
            .filter(in_force)
            .join(ranked, on=["claim", "era_from"], how="left")
            .filter(col("claim").is_null() | col("claim_rank").is_not_null())
            .select("rule_id", "era_from", col("claim_rank").fill_null(0), "priority", "marketing_channel")
        )

    def era_of(self, day):
        """The first day of the era that a day is in."""
        return pl.coalesce(
            pl.when(day >= FOREVER).then(None),
            *(pl.when(day >= start).then(pl.lit(start)) for start in reversed(self.starts[:-1].to_list())),
        )

    def matched(self, marks, names, applies_to):
        """The channel of each distinct mark in each era: the first rule that matches."""
        found = [
            marks.filter(
                pl.all_horizontal(col(name).str.contains(regex(rule[RULE_COLUMN.get(name, name)])) for name in names)
            ).with_columns(rule_id=pl.lit(rule["rule_id"]))
            for rule in self.rules.filter(col("applies_to") == applies_to).iter_rows(named=True)
        ]
        return (
            pl.concat(found)
            .join(self.by_era, on="rule_id")
            .sort("claim_rank", "priority", "rule_id")
            .unique([*names, "era_from"], keep="first", maintain_order=True)
            .select(*names, "era_from", "marketing_channel")
        )


def order_channels(rules, orders, fees):
    """Patterns are matched with distinct marks, and never with single orders."""
    of_orders = orders.select("sales_channel", col(MARKS[1:]).fill_null("")).unique()
    none = [pl.lit("").alias(name) for name in MARKS[1:]]
    of_fees = fees.filter(col("order_id").is_null()).select(col("sales_channel").fill_null("none"), *none).unique()
    marks = pl.concat([of_orders, of_fees]).unique().collect(engine="streaming")
    return rules.matched(marks, MARKS, "order").lazy()


def campaign_channels(rules, spend):
    """The channel of each campaign in each era."""
    campaigns = spend.select(CAMPAIGN).unique().collect(engine="streaming")
    return rules.matched(campaigns, CAMPAIGN, "spend").lazy()


def rates_by_day(fx_rates):
    """One rate per currency and day: the day's own, or the last one before, at most seven days old."""
    following = col("rate_date").shift(-1).over("currency", order_by="rate_date").fill_null(FOREVER)
    last = pl.min_horizontal(following, col("rate_date").dt.offset_by("8d"))
    days = pl.date_ranges("rate_date", last, closed="left")
    return fx_rates.select("currency", days.alias("day"), "rate").explode("day").collect().lazy()


def cost_versions(product_costs):
    """Approved cost versions; each holds until the next approved one."""
    return (
        product_costs.filter(col("status") == "approved")
        .select("sku", "valid_from", "unit_cost", unit_landed="landed_cost", cost_currency="currency")
        .sort("valid_from")
        .collect()
        .lazy()
    )
