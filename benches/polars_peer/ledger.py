"""One row per source row that counts: a frame per stream, with the columns that the stream has."""

from dataclasses import dataclass

import polars as pl
import reference
from polars import col, lit, when

MONEY = pl.Decimal(18, 4)
RATE = pl.Decimal(18, 8)
# Digits for the product of an amount and a rate: nothing is rounded before the one time that counts.
EXACT = pl.Decimal(38, 12)

LINES = (
    "gross_sales discounts platform_discounts shipping_income returns allowances refunded_shipping cancellations "
    "chargebacks product_cost landed_cost cost_recovered write_downs carrier_cost handling_cost return_logistics "
    "payment_fees marketplace_fees media_spend media_credits affiliate_commission"
).split()
MEMOS = ["tax", "footing_difference", "fx_difference"]
REFUND_KINDS = ["return", "allowance", "shipping", "cancellation", "chargeback"]
FEE_KINDS = ["payment", "marketplace", "chargeback", "promotion_reimbursement", "write_down", "affiliate"]


def money(amount, rate):
    """A product, rounded once: to four digits, half away from zero."""
    return (amount.cast(EXACT) * rate).round(4, mode="half_away_from_zero").cast(MONEY)


def zero(kind=MONEY):
    """No money."""
    return lit(0).cast(kind)


def or_none(expression):
    """The rate of a row in suspense without one: all its lines are 0."""
    return expression.fill_null(zero(RATE))


def only(condition, amount):
    """An amount on the line of its kind."""
    return when(condition).then(amount).otherwise(zero())


def reason(*pairs):
    """The first reason whose condition holds."""
    cases = pl
    for condition, why in pairs:
        cases = cases.when(condition).then(lit(why) if isinstance(why, str) else why)
    return cases.otherwise(lit(None, pl.String)).alias("suspense_reason")


def placed_channel():
    """A row in suspense keeps its money under the channel `suspense`."""
    return when(col("suspense_reason").is_null()).then("marketing_channel").otherwise(lit("suspense"))


@dataclass
class Ledger:
    """The streams, each made once and held, because several sums and the ledger read it."""

    options: object
    sources: dict
    clock: object

    def __post_init__(self):
        midnight = lit(self.options.as_of_day).cast(pl.Datetime("us"))
        self.as_of = midnight.dt.replace_time_zone(self.options.time_zone).dt.convert_time_zone("UTC")
        kept = {name: source.kept for name, source in self.sources.items()}
        self.rules = reference.Rules(self.options)
        self.fx = reference.rates_by_day(kept["fx_rates"])
        self.costs = reference.cost_versions(kept["product_costs"])
        self.order_channels = reference.order_channels(self.rules, kept["orders"], kept["fees"])
        self.campaign_channels = reference.campaign_channels(self.rules, kept["spend"])
        self.orders_mapped = self.made("orders_mapped", self.map_orders(kept["orders"]))
        self.order_lines = self.made("order_lines", self.post_lines(kept["order_lines"]))
        self.orders = self.made("orders", self.post_orders())
        self.refunds = self.made("refunds", self.post_refunds(kept["refunds"]))
        self.shipments = self.made("shipments", self.post_shipments(kept["shipments"]))
        self.fees = self.made("fees", self.post_fees(kept["fees"]))
        self.spend = self.made("spend", self.post_spend(kept["spend"]))

    def made(self, name, frame):
        """Computes a frame once, says what it took, and gives it to be read again."""
        made = held(frame)
        self.clock.step(name)
        return made

    def streams(self):
        """Every stream by its name."""
        names = ("order_lines", "orders", "refunds", "shipments", "fees", "spend")
        return {name: getattr(self, name) for name in names}

    def rows(self):
        """The ledger: a column that a stream does not have is 0, or null where it is text."""
        return pl.concat([one.select(ledger_columns(name, one)) for name, one in self.streams().items()])

    def local_day(self, instant):
        """The day in the pipeline's time zone."""
        return col(instant).dt.convert_time_zone(self.options.time_zone).dt.date()

    def with_rate(self, frame, currency, day, name="fx_rate"):
        """Adds the rate of a day; that of the reporting currency is 1."""
        fx = self.fx.rename({"rate": name})
        joined = frame.join(fx, left_on=[currency, day], right_on=["currency", "day"], how="left")
        own = col(currency) == self.options.currency
        return joined.with_columns(when(own).then(lit(1).cast(RATE)).otherwise(name).alias(name))

    def with_cost(self, frame, day):
        """Adds the cost version in force on a day and the rate of its currency. A version holds until the next."""
        dated = frame.sort(day, nulls_last=True).join_asof(
            self.costs, left_on=day, right_on="valid_from", by="sku", strategy="backward", check_sortedness=False
        )
        known = col(day).is_not_null()
        dated = dated.with_columns(when(known).then(col("unit_cost", "unit_landed", "cost_currency")))
        return self.with_rate(dated, "cost_currency", day, "cost_rate")

    def counted_orders(self):
        """What a row takes from its order; orders at or after the as-of do not count."""
        names = ["order_id", "ordered_on", "sales_channel", "marketing_channel", "mapping_reason"]
        return self.orders_mapped.filter("is_counted").select(*names, has_order=lit(True))

    def with_order(self, frame):
        """Adds a row's order, and whether there is one."""
        joined = frame.join(self.counted_orders(), on="order_id", how="left")
        return joined.with_columns(col("has_order").fill_null(False))

    def map_orders(self, orders):
        """Orders with their day, channel and rate, for themselves and for every row that belongs to one."""
        dated = orders.with_columns(
            col(reference.MARKS[1:]).fill_null(""),
            ordered_on=self.local_day("ordered_at"),
            is_counted=col("ordered_at") < self.as_of,
        ).with_columns(era_from=self.rules.era_of(col("ordered_on")))
        mapped = dated.join(self.order_channels, on=[*reference.MARKS, "era_from"], how="left")
        return self.with_rate(mapped, "currency", "ordered_on").select(
            "order_id",
            "ordered_on",
            "is_counted",
            "sales_channel",
            "marketing_channel",
            "currency",
            "fx_rate",
            "tax",
            "order_total",
            mapping_reason=when(col("marketing_channel").is_null()).then(lit("unmapped_order")),
            shipping_amount=(col("shipping_charged") - col("shipping_discount")),
        )

    def judge_lines(self, order_lines):
        """Order lines with the rate and the cost of their order's day. A line without an order has neither of them."""
        orders = self.orders_mapped.select(
            "order_id", "ordered_on", "is_counted", "sales_channel", "marketing_channel", "mapping_reason", "currency",
            "fx_rate",
        )
        placed = order_lines.drop("promotion_id").join(orders, on="order_id", how="left")
        placed = placed.filter(col("is_counted").fill_null(True))
        return self.with_cost(placed, "ordered_on").with_columns(
            cost_rate=when(col("fx_rate").is_not_null()).then("cost_rate"),
            list_amount=col("list_price") * col("quantity"),
        ).with_columns(
            reason(
                (col("is_counted").is_null(), "order_unknown"),
                (col("fx_rate").is_null(), "missing_fx_rate"),
                (col("mapping_reason").is_not_null(), col("mapping_reason")),
                (col("cost_rate").is_null(), "missing_cost"),
            )
        )

    def post_lines(self, order_lines):
        """Order lines on their reporting lines. One without an order is on the first day of its month."""
        rate, pieces = or_none(col("fx_rate")), -col("quantity")
        day = pl.coalesce("ordered_on", (col("month") + "-01").str.to_date("%Y-%m-%d"))
        return self.judge_lines(order_lines).select(
            "source_key",
            "line_no",
            day.alias("booked_on"),
            day.alias("ordered_on"),
            "order_id",
            "sku",
            col("sales_channel").fill_null("none"),
            placed_channel().alias("marketing_channel"),
            col("quantity").alias("units"),
            money(col("list_amount"), rate).alias("gross_sales"),
            money(-col("discount"), rate).alias("discounts"),
            money(-col("platform_discount"), rate).alias("platform_discounts"),
            money(col("unit_cost") * pieces, col("cost_rate")).fill_null(zero()).alias("product_cost"),
            money(col("unit_landed") * pieces, col("cost_rate")).fill_null(zero()).alias("landed_cost"),
            money(col("tax"), rate).alias("tax"),
            (col("list_amount") - col("discount") - col("platform_discount")).alias("original_amount"),
            col("currency").fill_null("none").alias("original_currency"),
            "fx_rate",
            when(col("cost_rate").is_null()).then(lit("missing")).otherwise(lit("rated")).alias("cost_basis"),
            "suspense_reason",
            when(col("cost_rate").is_null()).then(0).otherwise("quantity").alias("costed_units"),
            col("tax").alias("original_tax"),
        )

    def post_orders(self):
        """Orders themselves: shipping, the tax on it, and what the total has too much or too little."""
        totals = self.order_lines.group_by("order_id").agg(
            line_total=(col("original_amount") + col("original_tax")).sum()
        )
        difference = col("order_total") - col("shipping_amount") - col("tax") - col("line_total").fill_null(zero())
        judged = (
            self.orders_mapped.filter("is_counted")
            .join(totals, on="order_id", how="left")
            .with_columns(difference=difference.cast(pl.Decimal(18, 2)))
            .with_columns(
                reason(
                    (col("fx_rate").is_null(), "missing_fx_rate"),
                    (col("difference") != 0, "order_does_not_foot"),
                    (lit(True), col("mapping_reason")),
                )
            )
        )
        rate = or_none(col("fx_rate"))
        return judged.select(
            col("order_id").alias("source_key"),
            col("ordered_on").alias("booked_on"),
            "ordered_on",
            "order_id",
            "sales_channel",
            placed_channel().alias("marketing_channel"),
            money(col("shipping_amount"), rate).alias("shipping_income"),
            money(col("tax"), rate).alias("tax"),
            money(col("difference"), rate).alias("footing_difference"),
            col("shipping_amount").alias("original_amount"),
            col("currency").alias("original_currency"),
            "fx_rate",
            "suspense_reason",
            col("tax").alias("original_tax"),
            col("difference").alias("original_difference"),
        )

    def match_refunds(self, refunds):
        """Refunds with their order and line, both rates, and the cost of what came back to stock."""
        sold = self.order_lines.select("order_id", "line_no", "sku", line_reason="suspense_reason", has_line=lit(True))
        found = col("has_order") & (col("line_no").is_null() | col("has_line").is_not_null())
        matched = (
            self.with_order(refunds.filter(col("refunded_at") < self.as_of))
            .join(sold, on=["order_id", "line_no"], how="left")
            .with_columns(refunded_on=self.local_day("refunded_at"), is_found=found)
        )
        rated = self.with_rate(matched, "currency", "ordered_on", "order_rate")
        rated = self.with_rate(rated, "currency", "refunded_on", "refund_rate")
        restocked = col("is_found") & (col("kind") == "return") & (col("disposition") == "restock").fill_null(False)
        back = restocked & col("cost_rate").is_not_null()
        return self.with_cost(rated, "ordered_on").with_columns(
            order_rate=when("is_found").then("order_rate"),
            cost_rate=when(back).then("cost_rate"),
            cost=when(back).then(col("unit_cost") + col("unit_landed")),
        )

    def value_refunds(self, refunds):
        """Refunds at the rate of the order's day. One without its order or line is at the rate of its own day."""
        found, no_rate = col("is_found"), col("suspense_reason") == "missing_fx_rate"
        valued = self.match_refunds(refunds).with_columns(
            reason(
                (col("refund_rate").is_null() | (found & col("order_rate").is_null()), "missing_fx_rate"),
                (~found, "orphan_refund"),
                (~col("kind").is_in(REFUND_KINDS), "unknown_kind"),
                (col("line_no").is_null() | (col("line_reason") == "missing_fx_rate"), col("mapping_reason")),
                (lit(True), col("line_reason")),
            )
        )
        rate = when(no_rate).then(None).when(found).then("order_rate").otherwise("refund_rate")
        valued = valued.with_columns(no_rate=no_rate.fill_null(False), rate=rate)
        return valued.with_columns(reversal=money(-col("amount"), or_none(col("rate"))))

    def post_refunds(self, refunds):
        """Refunds, on the line of their kind. Only what comes back to stock recovers its cost."""
        found, kind = col("is_found"), col("kind")
        cost = money(col("cost") * col("quantity"), col("cost_rate")).fill_null(zero())
        restocked = (kind == "return") & (col("disposition") == "restock").fill_null(False)
        basis = (
            when(~restocked).then(lit("measured"))
            .when(col("cost_rate").is_null() | col("no_rate")).then(lit("missing"))
            .otherwise(lit("rated"))
        )
        differs = money(-col("amount"), col("refund_rate") - col("order_rate"))
        return self.value_refunds(refunds).select(
            "source_key",
            "line_no",
            col("refunded_on").alias("booked_on"),
            when(found).then("ordered_on").otherwise("refunded_on").alias("ordered_on"),
            "order_id",
            when(found).then("sku").alias("sku"),
            when(found).then("sales_channel").otherwise(lit("none")).alias("sales_channel"),
            placed_channel().alias("marketing_channel"),
            when(kind.is_in(["return", "cancellation"])).then(-col("quantity")).otherwise(0).alias("units"),
            only(kind == "return", col("reversal")).alias("returns"),
            only(~kind.is_in(set(REFUND_KINDS) - {"allowance"}), col("reversal")).alias("allowances"),
            only(kind == "shipping", col("reversal")).alias("refunded_shipping"),
            only(kind == "cancellation", col("reversal")).alias("cancellations"),
            only(kind == "chargeback", col("reversal")).alias("chargebacks"),
            only(~col("no_rate"), cost).alias("cost_recovered"),
            money(-col("tax"), or_none(col("rate"))).alias("tax"),
            only(found & col("rate").is_not_null(), differs).alias("fx_difference"),
            (-col("amount")).alias("original_amount"),
            col("currency").alias("original_currency"),
            col("rate").alias("fx_rate"),
            basis.alias("cost_basis"),
            "suspense_reason",
            "is_found",
            (-col("tax")).alias("original_tax"),
            "refund_rate",
        )

    def post_shipments(self, shipments):
        """Shipments, on the line of their kind."""
        matched = self.with_order(shipments.filter(col("shipped_at") < self.as_of))
        matched = matched.with_columns(shipped_on=self.local_day("shipped_at"))
        judged = self.with_rate(matched, "currency", "shipped_on").with_columns(
            reason(
                (col("fx_rate").is_null(), "missing_fx_rate"),
                (~col("has_order"), "order_unknown"),
                (~col("cost_kind").is_in(["carrier", "handling", "return"]), "unknown_kind"),
                (lit(True), col("mapping_reason")),
            ),
            reporting=money(-col("cost"), or_none(col("fx_rate"))),
        )
        kind = col("cost_kind")
        return judged.select(
            "source_key",
            col("shipped_on").alias("booked_on"),
            pl.coalesce("ordered_on", "shipped_on").alias("ordered_on"),
            "order_id",
            col("sales_channel").fill_null("none"),
            placed_channel().alias("marketing_channel"),
            only(~kind.is_in(["handling", "return"]), col("reporting")).alias("carrier_cost"),
            only(kind == "handling", col("reporting")).alias("handling_cost"),
            only(kind == "return", col("reporting")).alias("return_logistics"),
            (-col("cost")).alias("original_amount"),
            col("currency").alias("original_currency"),
            "fx_rate",
            "suspense_reason",
            col("has_order").alias("is_found"),
        )

    def post_fees(self, fees):
        """Fees, on the line of their kind. One of no order has its sales channel's without a click."""
        no_click = pl.all_horizontal(col(mark) == "" for mark in reference.MARKS[1:])
        channels = self.order_channels.filter(no_click).select(
            "era_from", fee_channel="sales_channel", own_channel="marketing_channel"
        )
        no_order = col("order_id").is_null()
        dated = fees.filter(col("event_at") < self.as_of).with_columns(
            charged_on=self.local_day("event_at"),
            fee_channel=when(no_order).then(col("sales_channel").fill_null("none")),
        )
        dated = dated.drop("sales_channel").with_columns(era_from=self.rules.era_of(col("charged_on")))
        matched = self.with_order(dated).join(channels, on=["fee_channel", "era_from"], how="left").with_columns(
            marketing_channel=pl.coalesce("marketing_channel", "own_channel"), is_found=no_order | col("has_order")
        )
        judged = self.with_rate(matched, "currency", "charged_on").with_columns(
            reason(
                (col("fx_rate").is_null(), "missing_fx_rate"),
                (~col("is_found"), "order_unknown"),
                (~col("kind").is_in(FEE_KINDS), "unknown_kind"),
                (col("marketing_channel").is_null(), "unmapped_order"),
            ),
            reporting=money(-col("amount"), or_none(col("fx_rate"))),
        )
        kind = col("kind")
        return judged.select(
            "source_key",
            col("charged_on").alias("booked_on"),
            pl.coalesce("ordered_on", "charged_on").alias("ordered_on"),
            "order_id",
            pl.coalesce("fee_channel", "sales_channel", lit("none")).alias("sales_channel"),
            placed_channel().alias("marketing_channel"),
            only(kind == "promotion_reimbursement", col("reporting")).alias("platform_discounts"),
            only(kind == "chargeback", col("reporting")).alias("chargebacks"),
            only(kind == "write_down", col("reporting")).alias("write_downs"),
            only(~kind.is_in(FEE_KINDS[1:]), col("reporting")).alias("payment_fees"),
            only(kind == "marketplace", col("reporting")).alias("marketplace_fees"),
            only(kind == "affiliate", col("reporting")).alias("affiliate_commission"),
            (-col("amount")).alias("original_amount"),
            col("currency").alias("original_currency"),
            "fx_rate",
            "suspense_reason",
            "is_found",
        )

    def post_spend(self, spend):
        """Spend, on the channel of its campaign."""
        dated = spend.filter(col("spend_date") < self.options.as_of_day)
        dated = dated.with_columns(era_from=self.rules.era_of(col("spend_date")))
        mapped = dated.join(self.campaign_channels, on=[*reference.CAMPAIGN, "era_from"], how="left")
        judged = self.with_rate(mapped, "currency", "spend_date").with_columns(
            reason(
                (col("fx_rate").is_null(), "missing_fx_rate"),
                (col("marketing_channel").is_null(), "unmapped_campaign"),
            )
        )
        rate = or_none(col("fx_rate"))
        return judged.select(
            "source_key",
            col("spend_date").alias("booked_on"),
            col("spend_date").alias("ordered_on"),
            lit("none").alias("sales_channel"),
            placed_channel().alias("marketing_channel"),
            money(-col("amount"), rate).alias("media_spend"),
            money(col("credit"), rate).alias("media_credits"),
            (col("credit") - col("amount")).alias("original_amount"),
            col("currency").alias("original_currency"),
            "fx_rate",
            "suspense_reason",
            col("credit").alias("original_credit"),
        )


def held(frame):
    """Computes a frame once, and gives it to be read again."""
    return frame.collect(engine="streaming").lazy()


def ledger_columns(stream, frame):
    """The ledger's columns of one stream."""
    has = frame.collect_schema().names()
    text = {name: col(name) if name in has else lit(None, pl.String) for name in ("order_id", "sku")}
    basis = col("cost_basis") if "cost_basis" in has else lit("measured")
    return [
        lit(stream).alias("stream"),
        "source_key",
        "booked_on",
        "ordered_on",
        *(expression.alias(name) for name, expression in text.items()),
        "sales_channel",
        "marketing_channel",
        (col("units") if "units" in has else lit(0, pl.Int64)).alias("units"),
        *((col(name) if name in has else zero()).cast(MONEY).alias(name) for name in LINES + MEMOS),
        col("original_amount").cast(MONEY),
        "original_currency",
        "fx_rate",
        basis.alias("cost_basis"),
        "suspense_reason",
    ]
