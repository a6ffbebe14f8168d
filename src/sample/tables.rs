//! Columns of the shop's files, filled row by row.

use std::fmt::{Display, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use super::horizon::Day;
use super::words::Stream;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Integer,
    Flag,
    Date,
    Instant,
    /// Digits after the point, of 18.
    Decimal(i8),
}

use Kind::{Date, Decimal, Flag, Instant, Integer, Text};

fn layout(stream: Stream) -> &'static [(&'static str, Kind)] {
    match stream {
        Stream::Orders => ORDERS,
        Stream::OrderLines => ORDER_LINES,
        Stream::Refunds => REFUNDS,
        Stream::Spend => SPEND,
        Stream::Shipments => SHIPMENTS,
        Stream::Fees => FEES,
        Stream::SpendControl => SPEND_CONTROL,
        Stream::ProductCosts => PRODUCT_COSTS,
        Stream::FxRates => FX_RATES,
        Stream::Promotions => PROMOTIONS,
        Stream::Inventory => INVENTORY,
        Stream::GlBalances => GL_BALANCES,
    }
}

const ORDERS: &[(&str, Kind)] = &[
    ("order_id", Text),
    ("ordered_at", Instant),
    ("sales_channel", Text),
    ("utm_source", Text),
    ("utm_medium", Text),
    ("utm_campaign", Text),
    ("affiliate_id", Text),
    ("customer_id", Text),
    ("is_first_order", Flag),
    ("status", Text),
    ("currency", Text),
    ("shipping_charged", Decimal(2)),
    ("shipping_discount", Decimal(2)),
    ("tax", Decimal(2)),
    ("order_total", Decimal(2)),
];
const ORDER_LINES: &[(&str, Kind)] = &[
    ("order_id", Text),
    ("line_no", Integer),
    ("sku", Text),
    ("quantity", Integer),
    ("list_price", Decimal(2)),
    ("discount", Decimal(2)),
    ("platform_discount", Decimal(2)),
    ("promotion_id", Text),
    ("tax", Decimal(2)),
];
const REFUNDS: &[(&str, Kind)] = &[
    ("refund_id", Text),
    ("order_id", Text),
    ("line_no", Integer),
    ("refunded_at", Instant),
    ("kind", Text),
    ("quantity", Integer),
    ("amount", Decimal(2)),
    ("tax", Decimal(2)),
    ("currency", Text),
    ("reason", Text),
    ("disposition", Text),
];
const SPEND: &[(&str, Kind)] = &[
    ("spend_date", Date),
    ("platform", Text),
    ("account_id", Text),
    ("campaign_id", Text),
    ("campaign_name", Text),
    ("amount", Decimal(2)),
    ("credit", Decimal(2)),
    ("currency", Text),
    ("impressions", Integer),
    ("clicks", Integer),
];
const SHIPMENTS: &[(&str, Kind)] = &[
    ("shipment_id", Text),
    ("order_id", Text),
    ("node", Text),
    ("carrier", Text),
    ("service", Text),
    ("zone", Text),
    ("expedited", Flag),
    ("promised_at", Instant),
    ("shipped_at", Instant),
    ("delivered_at", Instant),
    ("cost", Decimal(2)),
    ("cost_kind", Text),
    ("currency", Text),
];
const FEES: &[(&str, Kind)] = &[
    ("fee_id", Text),
    ("event_at", Instant),
    ("order_id", Text),
    ("sales_channel", Text),
    ("settlement_id", Text),
    ("kind", Text),
    ("amount", Decimal(2)),
    ("currency", Text),
];
const SPEND_CONTROL: &[(&str, Kind)] = &[
    ("stream", Text),
    ("day", Date),
    ("platform", Text),
    ("account_id", Text),
    ("currency", Text),
    ("rows", Integer),
    ("amount", Decimal(2)),
];
const PRODUCT_COSTS: &[(&str, Kind)] = &[
    ("sku", Text),
    ("valid_from", Date),
    ("unit_cost", Decimal(4)),
    ("landed_cost", Decimal(4)),
    ("currency", Text),
    ("status", Text),
    ("approved_by", Text),
];
const FX_RATES: &[(&str, Kind)] = &[("rate_date", Date), ("currency", Text), ("rate", Decimal(8))];
const PROMOTIONS: &[(&str, Kind)] = &[
    ("promotion_id", Text),
    ("starts_at", Instant),
    ("ends_at", Instant),
    ("funded_by", Text),
    ("planned_depth", Decimal(4)),
    ("sales_channels", Text),
];
const INVENTORY: &[(&str, Kind)] = &[
    ("snapshot_at", Instant),
    ("sku", Text),
    ("location", Text),
    ("sales_channel", Text),
    ("system_quantity", Integer),
    ("channel_quantity", Integer),
    ("reserved_quantity", Integer),
];
const GL_BALANCES: &[(&str, Kind)] =
    &[("period", Text), ("account", Text), ("line", Text), ("sales_channel", Text), ("amount", Decimal(4))];

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Text => DataType::Utf8,
            Integer => DataType::Int64,
            Flag => DataType::Boolean,
            Date => DataType::Date32,
            Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Decimal(scale) => DataType::Decimal128(18, scale),
        }
    }

    fn column(self) -> Column {
        match self {
            Text => Column::Text(StringBuilder::new()),
            Integer => Column::Integer(Int64Builder::new()),
            Flag => Column::Flag(BooleanBuilder::new()),
            Date => Column::Date(Date32Builder::new()),
            Instant => Column::Instant(TimestampMicrosecondBuilder::new().with_data_type(self.data_type())),
            Decimal(_) => Column::Decimal(Decimal128Builder::new().with_data_type(self.data_type())),
        }
    }
}

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Flag(BooleanBuilder),
    Date(Date32Builder),
    Instant(TimestampMicrosecondBuilder),
    Decimal(Decimal128Builder),
}

impl Column {
    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Integer(builder) => Arc::new(builder.finish()),
            Column::Flag(builder) => Arc::new(builder.finish()),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Instant(builder) => Arc::new(builder.finish()),
            Column::Decimal(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Rows of one stream that are not yet written.
pub(super) struct Table {
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl Table {
    pub(super) fn new(stream: Stream) -> Self {
        let field = |(name, kind): &(&str, Kind)| Field::new(*name, kind.data_type(), true);
        let schema = Arc::new(Schema::new(layout(stream).iter().map(field).collect::<Vec<_>>()));
        Self { schema, columns: layout(stream).iter().map(|(_, kind)| kind.column()).collect() }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// A new row, to be filled from the first column to the last.
    pub(super) fn row(&mut self) -> Row<'_> {
        Row(self.columns.iter_mut())
    }

    /// Takes the rows. A row with a cell too few or of another kind shows here, as columns of different lengths.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(self.schema(), self.columns.iter_mut().map(Column::finish).collect())
    }
}

/// The cells of a row that are still empty.
pub(super) struct Row<'a>(std::slice::IterMut<'a, Column>);

impl Row<'_> {
    pub(super) fn text(self, value: impl Display) -> Self {
        self.maybe_text(Some(value))
    }

    pub(super) fn maybe_text(mut self, value: Option<impl Display>) -> Self {
        if let Some(Column::Text(builder)) = self.0.next() {
            match value {
                // Writing into the builder cannot fail; the empty value closes the cell.
                Some(value) => write!(builder, "{value}").map_or((), |()| builder.append_value("")),
                None => builder.append_null(),
            }
        }
        self
    }

    pub(super) fn integer(self, value: i64) -> Self {
        self.maybe_integer(Some(value))
    }

    pub(super) fn maybe_integer(mut self, value: Option<i64>) -> Self {
        if let Some(Column::Integer(builder)) = self.0.next() {
            builder.append_option(value);
        }
        self
    }

    pub(super) fn flag(mut self, value: bool) -> Self {
        if let Some(Column::Flag(builder)) = self.0.next() {
            builder.append_value(value);
        }
        self
    }

    pub(super) fn date(mut self, value: Day) -> Self {
        if let Some(Column::Date(builder)) = self.0.next() {
            builder.append_value(value);
        }
        self
    }

    pub(super) fn instant(self, value: i64) -> Self {
        self.maybe_instant(Some(value))
    }

    pub(super) fn maybe_instant(mut self, value: Option<i64>) -> Self {
        if let Some(Column::Instant(builder)) = self.0.next() {
            builder.append_option(value);
        }
        self
    }

    pub(super) fn money(self, unscaled: i64) -> Self {
        self.maybe_money(Some(unscaled))
    }

    pub(super) fn maybe_money(mut self, unscaled: Option<i64>) -> Self {
        if let Some(Column::Decimal(builder)) = self.0.next() {
            builder.append_option(unscaled.map(i128::from));
        }
        self
    }
}
