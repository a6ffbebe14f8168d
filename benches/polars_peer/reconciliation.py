"""The identities, each with both sides."""

from decimal import Decimal

import polars as pl
from ledger import EXACT, LINES, MEMOS, held, money, or_none, zero
from marts import LEVELS, STEPS, SUM, plus, quarantined, quarantined_worth, sums
from polars import col, lit, when

PARTS = ["placed", "in_suspense", "quarantined", "duplicates", "after_as_of"]
MEASURES = ["rows", "units", "amount", "tax", "credit"]
COSTS = ["product_cost", "landed_cost", "cost_recovered"]
AT_RATE = [line for line in LINES if line not in COSTS]


def decimal(text):
    """A decimal as it is written."""
    return lit(Decimal(text))


def total(expression):
    """A sum of one type everywhere; of nothing it is 0."""
    return expression.cast(SUM).sum()


# What each stream is counted by. Each column is summed for itself: a row in quarantine may lack one of them.
TAX = total(col("tax"))
COUNTED = {
    "orders": {"amount": total(col("shipping_charged")) - total(col("shipping_discount")), "tax": TAX},
    "order_lines": {
        "units": total(col("quantity")),
        "amount": total(col("list_price") * col("quantity")) - total(col("discount")) - total(col("platform_discount")),
        "tax": TAX,
    },
    "refunds": {"amount": total(col("amount")), "tax": TAX},
    "shipments": {"amount": total(col("cost"))},
    "fees": {"amount": total(col("amount"))},
    "spend": {"amount": total(col("amount")), "credit": total(col("credit"))},
}
EVENT = {"orders": "ordered_at", "refunds": "refunded_at", "shipments": "shipped_at", "fees": "event_at"}


def counted(name, frame, part):
    """The rows and sums of a stream, one row per currency, part and measure. Order lines have no currency."""
    currency = lit("all") if name == "order_lines" else col("currency").fill_null("")
    grouped = frame.group_by(currency.alias("currency"), part.alias("part"))
    summed = grouped.agg(pl.len().cast(SUM).alias("rows"), **COUNTED[name])
    long = summed.unpivot(index=["currency", "part"], variable_name="measure", value_name="value")
    return long.select(lit(name).alias("stream"), "currency", "part", "measure", "value")


def after_as_of(name, source, posted):
    """The rows of a stream that do not count yet."""
    if name == "order_lines":
        later = posted.orders_mapped.filter(~col("is_counted")).select("order_id")
        return source.kept.join(later, on="order_id", how="semi")
    if name == "spend":
        return source.kept.filter(col("spend_date") >= posted.options.as_of_day)
    return source.kept.filter(col(EVENT[name]) >= posted.as_of)


def counted_in_ledger(days):
    """The ledger with the sources' signs; order lines have no currency of their own."""
    is_sale, is_spend = col("stream").is_in(["orders", "order_lines"]), col("stream") == "spend"
    amount, tax, credit = (col(f"original_{name}") for name in ("amount", "tax", "credit"))
    sales_tax = when(is_sale).then(tax).when(col("stream") == "refunds").then(-tax)
    measures = days.select(
        "stream",
        when(col("stream") == "order_lines").then(lit("all")).otherwise("original_currency").alias("currency"),
        when("in_suspense").then(lit("in_suspense")).otherwise(lit("placed")).alias("part"),
        col("row_count").cast(SUM).alias("rows"),
        when(col("stream") == "order_lines").then("units").cast(SUM).alias("units"),
        when(is_sale).then(amount).otherwise(credit - amount).alias("amount"),
        sales_tax.alias("tax"),
        when(is_spend).then(credit).alias("credit"),
    )
    index = ["stream", "currency", "part"]
    return measures.unpivot(on=MEASURES, index=index, variable_name="measure", value_name="value").drop_nulls("value")


def streams(posted, days):
    """Where every row, amount, tax, unit and credit of the files went."""
    parts = [counted_in_ledger(days)]
    for name in COUNTED:
        source = posted.sources[name]
        # The files are read again without regard to the contract.
        parts.append(counted(name, source.raw, lit("source")))
        parts.append(counted(name, source.aside.lazy(), col("fate")))
        parts.append(counted(name, after_as_of(name, source, posted), lit("after_as_of")))
    index = ["stream", "currency", "part", "measure", "value"]
    values = [total(when(col("part") == part).then("value")).alias(part) for part in ["source", *PARTS]]
    rows = pl.concat([part.select(index) for part in parts])
    return held(rows.group_by("stream", "currency", "measure").agg(values))


def identity(frame, name, left, right, difference=None, **labels):
    """One identity's rows. Labels are columns of the frame unless they are given."""
    frame = frame.with_columns(left_amount=left, right_amount=right)
    difference = col("left_amount") - col("right_amount") if difference is None else difference
    names = frame.collect_schema().names()
    shown = [(col(part) if part in names else lit(0)).cast(SUM).alias(part) for part in PARTS]
    label = [labels.get(column, col(column)).alias(column) for column in ("stream", "measure", "currency")]
    return frame.with_columns(difference=difference).select(
        lit(name).alias("identity"),
        *label,
        *(to_four_digits(side) for side in ("left_amount", "right_amount", "difference")),
        zero(SUM).alias("tolerance"),
        (col("difference") == 0).alias("holds"),
        *shown,
    )


def to_four_digits(name):
    """A side as it is shown."""
    return col(name).cast(EXACT).round(4, mode="half_away_from_zero").cast(SUM)


def of_streams(found):
    """Conservation, once-only and join safety."""
    parts = plus(PARTS)
    rows = found.filter(col("measure") == "rows")
    once = rows.group_by("stream").agg(col("source", *PARTS).sum())
    joined = found.filter(col("measure").is_in(["rows", "amount"]))
    accepted = col("source") - col("quarantined") - col("duplicates") - col("after_as_of")
    return [
        identity(found, "conservation", col("source"), parts),
        identity(once, "once_only", col("source"), parts, measure=lit("rows"), currency=lit("all")),
        identity(
            joined.select("stream", "measure", "currency", accepted=accepted, kept=col("placed") + col("in_suspense")),
            "join_safety", col("accepted"), col("kept"),
        ),
    ]


def order_foots(posted, days):
    """Order totals - (lines + shipping + tax) = the differences that are in suspense."""
    totals = posted.orders_mapped.filter("is_counted").group_by("currency").agg(total(col("order_total")))
    parts = days.filter(col("stream").is_in(["orders", "order_lines"])).group_by(currency="original_currency").agg(
        amount=(col("original_amount") + col("original_tax")).sum(),
        suspended=total(when("in_suspense").then("original_difference")),
    )
    both = totals.join(parts, on="currency", how="left").with_columns(col("amount", "suspended").fill_null(zero(SUM)))
    left = col("order_total") - col("amount")
    labels = {"stream": lit("orders"), "measure": lit("amount")}
    return identity(both, "order_foots", left, col("suspended"), **labels)


def own_currency(posted, days):
    """In the reporting currency nothing is converted: original amounts = the lines they were posted to."""
    own = days.filter(col("is_found") & (col("original_currency") == posted.options.currency))
    summed = own.group_by("stream", currency="original_currency").agg(
        left=col("original_amount").sum(), right=plus(AT_RATE).sum()
    )
    return identity(summed, "own_currency", col("left"), col("right"), measure=lit("amount"))


def at_its_rate(name, frame, original, posted, allowed):
    """Original amounts at the rates of their rows beside what was posted, and by how much rows are apart."""
    worth = money(col(original), or_none(col("fx_rate")))
    apart = (posted - worth).abs()
    rows = frame.select(currency="original_currency", left=worth, right=posted, apart=when(apart > allowed).then(apart))
    return rows.group_by("currency").agg(sums(["left", "right", "apart"])).with_columns(stream=lit(name))


def converted(streams_posted):
    """Original amounts and tax at the rates of their rows = the lines and tax they were posted to."""
    amounts, taxes = [], []
    for name, frame in streams_posted.items():
        has = frame.collect_schema().names()
        posted = plus([line for line in AT_RATE if line in has])
        amounts.append(at_its_rate(name, frame, "original_amount", posted, decimal("0.0002")))
        if "original_tax" in has:
            taxes.append(at_its_rate(name, frame, "original_tax", col("tax"), zero()))
    return [
        identity(pl.concat(parts), "converted", col("left"), col("right"), col("apart"), measure=lit(measure))
        for measure, parts in (("amount", amounts), ("tax", taxes))
    ]


def dated_rates(posted):
    """Rows with a rate, or on a day with one = rows with the rate on file."""
    used = []
    for name, frame in posted.streams().items():
        day = "ordered_on" if name in ("orders", "order_lines", "refunds") else "booked_on"
        grouped = frame.group_by("fx_rate", currency="original_currency", rated_on=day).agg(rows=pl.len().cast(SUM))
        used.append(grouped.select(lit(name).alias("stream"), "currency", "rated_on", "fx_rate", "rows"))
    filed = posted.sources["fx_rates"].kept.select("currency", "rate_date", "rate").sort("rate_date")
    rows = pl.concat(used).sort("rated_on").join_asof(
        filed, left_on="rated_on", right_on="rate_date", by="currency", strategy="backward", check_sortedness=False,
        coalesce=False,
    )
    own = col("currency") == posted.options.currency
    on_file = when(own).then(lit(1).cast(pl.Decimal(18, 8))).otherwise("rate")
    of_day = own | (col("rate_date") == col("rated_on"))
    concerned = col("fx_rate").is_not_null() | (of_day.fill_null(False) & (col("stream") != "refunds"))
    summed = rows.filter(concerned).group_by("stream", "currency").agg(
        left=col("rows").sum(), right=total(when(col("fx_rate") == on_file).then("rows"))
    )
    return identity(summed, "dated_rates", col("left"), col("right"), measure=lit("rows"))


def recomputed_costs(posted):
    """Costs of goods as posted = units times the version in force, but for the rounding of rows."""
    sold = posted.order_lines.filter(col("costed_units") != 0).group_by("sku", "ordered_on").agg(
        rows=pl.len(), units=-col("costed_units").sum(), product_cost=total(col("product_cost")),
        landed_cost=total(col("landed_cost")),
    )
    back = posted.refunds.filter(col("cost_basis") == "rated").group_by("sku", "ordered_on").agg(
        rows=pl.len(), units=-col("units").sum(), cost_recovered=total(col("cost_recovered"))
    )
    # A cost has four decimals and a rate eight: twelve are exact.
    unit, landed = (col(name).cast(EXACT) * col("cost_rate") for name in ("unit_cost", "unit_landed"))
    parts = []
    for stream, days, measure, worth in (
        ("order_lines", sold, "product_cost", unit * col("units")),
        ("order_lines", sold, "landed_cost", landed * col("units")),
        ("refunds", back, "cost_recovered", unit * col("units") + landed * col("units")),
    ):
        priced = posted.with_cost(days, "ordered_on").filter(col("cost_currency").is_not_null())
        apart = (col(measure) - worth).abs()
        allowed = decimal("0.0001") * col("rows").cast(pl.Int64)
        summed = priced.select(
            rows=pl.len(), left=worth.sum(), right=col(measure).sum(), apart=when(apart > allowed).then(apart).sum()
        )
        parts.append(summed.filter(col("rows") > 0).with_columns(stream=lit(stream), measure=lit(measure)))
    labels = {"currency": lit(posted.options.currency)}
    return identity(pl.concat(parts), "recomputed_costs", col("left"), col("right"), col("apart"), **labels)


def quarantine(sources):
    """Quarantined rows by the sources = those that the mart shows."""
    parts = []
    for name, source in sources.items():
        rows = source.aside.lazy().filter(col("fate") == "quarantined")
        rows = rows.with_columns(stream=lit(name), **quarantined_worth(name))
        parts.append(rows.select("stream", "currency", "amount"))
    none = zero(SUM)
    counts = pl.concat(parts).with_columns(counted=col("amount"), shown=none, one=lit(1).cast(SUM), seen=none)
    marts = quarantined(sources).select("stream", "currency", "amount")
    shown = marts.with_columns(counted=none, shown=col("amount"), one=none, seen=lit(1).cast(SUM))
    both = pl.concat([counts, shown])
    rows = both.group_by("stream").agg(col("one", "seen").sum()).with_columns(currency=lit("all"))
    amounts = both.group_by("stream", "currency").agg(col("counted", "shown").sum())
    return [
        identity(rows, "quarantine", col("one"), col("seen"), measure=lit("rows")),
        identity(amounts, "quarantine", col("counted"), col("shown"), measure=lit("amount")),
    ]


def costed_units(days):
    """Units sold = units with a cost + units in suspense."""
    lines = days.filter(col("stream") == "order_lines").select(
        rows=pl.len(),
        sold=total(col("units")),
        costed=total(when("in_suspense").then("units").otherwise("costed_units")),
    )
    labels = {"stream": lit("order_lines"), "measure": lit("units"), "currency": lit("all")}
    return identity(lines.filter(col("rows") > 0), "costed_units", col("sold"), col("costed"), **labels)


def refund_bound(posted):
    """No line, and no order, is refunded beyond what it was charged, nor returned beyond what was sold."""
    orders = posted.orders_mapped.select("order_id", "order_total", "shipping_amount", order_tax="tax",
                                         order_currency="currency", order_rate="fx_rate")
    back = posted.refunds.filter("is_found").join(orders, on="order_id").with_columns(
        amount=-col("original_amount"), tax=-col("original_tax"), back=-col("units"),
        like=col("original_currency") == col("order_currency"), own_rate=or_none(col("refund_rate")),
    )
    lines = posted.order_lines.select(
        "order_id", "line_no", goods="original_amount", goods_tax="original_tax", sold="units"
    )
    of_lines = came_back(back.join(lines, on=["order_id", "line_no"]), ["order_id", "line_no"], col("amount"),
                         col("goods"), col("sold"))
    goods = lines.group_by("order_id").agg(goods=(col("goods") + col("goods_tax")).sum(), sold=col("sold").sum())
    parts = col("shipping_amount") + col("order_tax") + col("goods").fill_null(zero())
    of_orders = came_back(back.join(goods, on="order_id", how="left"), ["order_id"], col("amount") + col("tax"),
                          pl.max_horizontal(col("order_total").cast(SUM), parts.cast(SUM)), col("sold").fill_null(0))
    rows = beyond_bound().cast(pl.Int64).sum().cast(SUM).alias("rows")
    beyond = [part.select(rows) for part in (of_lines, of_orders)]
    labels = {"stream": lit("refunds"), "measure": lit("rows"), "currency": lit("all")}
    return identity(pl.concat(beyond).sum(), "refund_bound", col("rows"), zero(SUM), **labels)


def came_back(rows, keys, amount, charged, sold):
    """What came back beside what was charged: in the order's currency, and in others at the rate of their own day."""
    return rows.group_by(*keys, "order_rate").agg(
        refunded=total(when("like").then(amount)),
        elsewhere=when(~col("like")).then(amount.cast(EXACT) * col("own_rate")).sum(),
        charged=charged.cast(SUM).max(),
        returned=col("back").sum(),
        sold=sold.max(),
    )


def beyond_bound():
    """Whether more came back than was charged or sold."""
    rate = col("order_rate")
    all_of_it = col("refunded").cast(EXACT) * rate + col("elsewhere")
    limit = col("charged").cast(EXACT) * rate * decimal("1.05")
    abroad = (col("elsewhere") != 0) & (all_of_it > limit)
    return (col("refunded") > col("charged")) | (col("returned") > col("sold")) | abroad.fill_null(False)


def spend_control(posted):
    """The platforms' own account-days = what was read. The difference has no sign: days cannot cancel out."""
    keys = ["day", "platform", "account_id", "currency"]
    sides = ("rows", "amount")
    stated = posted.sources["spend_control"].kept.filter(
        (col("stream") == "spend") & (col("day") < posted.options.as_of_day)
    ).group_by(keys).agg(total(col(side)).alias(f"{side}_stated") for side in sides)
    spend = posted.sources["spend"].kept.filter(col("spend_date") < posted.options.as_of_day)
    read = spend.rename({"spend_date": "day"}).group_by(keys).agg(
        rows_read=pl.len().cast(SUM), amount_read=total(col("amount"))
    )
    both = held(stated.join(read, on=keys, how="full", coalesce=True))
    if both.select(col("rows_stated").count()).collect().item() == 0:
        return []
    found = []
    for side in sides:
        left, right = (col(f"{side}_{which}").fill_null(zero(SUM)) for which in ("stated", "read"))
        summed = both.group_by("currency").agg(left=left.sum(), right=right.sum(), apart=(left - right).abs().sum())
        labels = {"stream": lit("spend"), "measure": lit(side)}
        found.append(identity(summed, "spend_control", col("left"), col("right"), col("apart"), **labels))
    return found


def marts_in_total(tables):
    """Each mart by period and basis: what is of no known SKU apart."""
    products = tables["product_contribution_monthly"]
    unknown = col("sku") == "unknown"
    above = [[], *([level] for level in LEVELS)]
    broken = [(col(level) - plus([*over, *step])).abs() for level, over, step in zip(LEVELS, above, STEPS)]
    parts = [
        part.with_columns(broken=sum(broken[1:], broken[0]), mart=lit(mart), is_known=lit(known))
        .group_by("mart", "is_known", "period", "basis")
        .agg(sums(["units", "contribution_3", "broken", *LINES, *MEMOS]))
        for mart, known, part in (
            ("sales and marketing channels", True, tables["channel_contribution_monthly"]),
            ("days", True, tables["channel_contribution_daily"]),
            ("skus", True, products.filter(~unknown)),
            ("skus", False, products.filter(unknown)),
        )
    ]
    return held(pl.concat(parts))


def nesting(totals, currency):
    """Contribution 3 = the sum of all lines, and each level the one above and its lines, in every cell."""
    summed = totals.filter("is_known").group_by(stream="mart").agg(
        left=col("contribution_3").sum(), right=plus(LINES).sum(), broken=col("broken").sum()
    )
    difference = col("broken") + (col("left") - col("right")).abs()
    labels = {"measure": lit("contribution_3"), "currency": lit(currency)}
    return identity(summed, "nesting", col("left"), col("right"), difference, **labels)


def in_currency(currency):
    """Units are no money."""
    return when(col("measure") == "units").then(lit("units")).otherwise(lit(currency))


def additivity(totals, months, currency):
    """The company = its channels = its days = its SKUs, per measure, in every period and on each basis."""
    keys = ["mart", "period", "basis", "measure"]
    company = pl.concat(
        [
            months.group_by("measure", period=period).agg(whole=col("amount").sum()).with_columns(basis=lit(basis))
            for basis, period in (("booked", "booked_period"), ("cohort", "ordered_period"))
        ]
    ).join(totals.select("mart").unique(), how="cross")
    through = totals.unpivot(
        on=["units", *LINES, *MEMOS], index=keys[:3], variable_name="measure", value_name="amount"
    ).group_by(keys).agg(through=col("amount").sum())
    both = company.join(through, on=keys, how="full", coalesce=True).with_columns(
        col("whole", "through").fill_null(zero(SUM))
    )
    summed = both.group_by("measure", stream="mart").agg(
        left=col("whole").sum(), right=col("through").sum(), apart=(col("whole") - col("through")).abs().sum()
    )
    return identity(summed, "additivity", col("left"), col("right"), col("apart"), currency=in_currency(currency))


def bridge(basis_bridge, currency):
    """Booked = cohort + booked of other orders - booked in other periods. Over all periods both are equal."""
    led = col("cohort") + col("booked_of_other_orders") + col("booked_in_other_periods")
    summed = basis_bridge.group_by("measure").agg(
        booked=col("booked").sum(), cohort=col("cohort").sum(), led=led.sum(), apart=(col("booked") - led).abs().sum()
    )
    labels = {"currency": in_currency(currency)}
    each, all_of_them = {"stream": lit("each period"), **labels}, {"stream": lit("all periods"), **labels}
    return [
        identity(summed, "basis_bridge", col("booked"), col("led"), col("apart"), **each),
        identity(summed.rename({"cohort": "whole"}), "basis_bridge", col("booked"), col("whole"), **all_of_them),
    ]


def reconciliation(posted, days, months, tables):
    """All identities."""
    currency = posted.options.currency
    totals = marts_in_total(tables)
    return pl.concat(
        [
            *of_streams(streams(posted, days)),
            order_foots(posted, days),
            own_currency(posted, days),
            *converted(posted.streams()),
            dated_rates(posted),
            recomputed_costs(posted),
            *quarantine(posted.sources),
            costed_units(days),
            refund_bound(posted),
            *spend_control(posted),
            nesting(totals, currency),
            additivity(totals, months, currency),
            *bridge(tables["basis_bridge"], currency),
        ]
    )
