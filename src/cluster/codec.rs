//! Plans as bytes: operators as the engine and Ballista write them, and our functions with what decides their values.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{DataFusionError, exec_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::warehouse::portable::{self, OTHER_VERSION};

/// The same in the client, the scheduler and the executors.
#[derive(Debug, Default)]
pub struct Codec(BallistaPhysicalExtensionCodec);

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.0.try_decode(bytes, inputs, context, converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<(), DataFusionError> {
        self.0.try_encode(node, bytes, converter)
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>, DataFusionError> {
        if bytes.is_empty() {
            return exec_err!("{OTHER_VERSION}: this one has no function `{name}`");
        }
        portable::decode(bytes)
    }

    fn try_encode_udf(&self, function: &ScalarUDF, bytes: &mut Vec<u8>) -> Result<(), DataFusionError> {
        bytes.extend(portable::encode(function)?.unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
    use datafusion::execution::runtime_env::RuntimeEnv;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;
    use datafusion_proto::physical_plan::AsExecutionPlan as _;
    use datafusion_proto::protobuf::PhysicalPlanNode;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::calendar::{Calendar, PeriodUnit};
    use crate::cluster::staging::Staging;
    use crate::cluster::travel::{Places, Travel};
    use crate::store::Stores;
    use crate::warehouse::session;

    const QUERY: &str = "select period_of(local_day(at)) as period, money_text(sum(amount)) as amount,
        count(distinct number) as numbers, sum(amount * 1.19) as gross
        from postings where local_day(at) > date '2026-01-01' group by 1 order by 1";

    /// Two months of postings around midnight in Berlin.
    fn postings() -> RecordBatch {
        let instants = ["2026-09-30T21:59:59Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"];
        let instants = instants.map(|at| at.parse::<jiff::Timestamp>().expect("an instant").as_microsecond());
        let amounts = Decimal128Array::from(vec![1_000_000, -250, 999]).with_precision_and_scale(18, 2).expect("fits");
        let columns: [(&str, ArrayRef); 3] = [
            ("at", Arc::new(TimestampMicrosecondArray::from(instants.to_vec()).with_timezone("UTC"))),
            ("amount", Arc::new(amounts)),
            ("number", Arc::new(Int64Array::from(vec![1, 2, 2]))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns")
    }

    fn text(rows: &[RecordBatch]) -> String {
        arrow::util::pretty::pretty_format_batches(rows).expect("text").to_string()
    }

    #[tokio::test]
    async fn a_plan_that_has_travelled_gives_the_same_rows_where_nothing_is_registered() {
        let zone_name = "Europe/Berlin".to_owned();
        let zone = TimeZone::get(&zone_name).expect("a zone");
        let calendar = Calendar { unit: PeriodUnit::Month, zone, zone_name, first_period: None };
        let context = session(Arc::new(RuntimeEnv::default()), &calendar, 2);
        context.register_batch("postings", postings()).expect("a new name");
        let plan = context.sql(QUERY).await.expect("a query").create_physical_plan().await.expect("a plan");
        let here = collect(Arc::clone(&plan), context.task_ctx()).await.expect("rows");

        let stores = Stores::new(&BTreeMap::new(), &BTreeMap::new()).expect("no options");
        let outputs = stores.open(&"memory:///outputs/".parse().expect("a URL")).expect("a store");
        let (places, staging) = (Places::default(), Staging::new(outputs, "run".to_owned()));
        let travel = Travel { places: &places, staging: &staging, runtime: &context.runtime_env() };
        let plan = travel.ready(&plan).await.expect("a plan");
        let mut bytes = Vec::new();
        let node = PhysicalPlanNode::try_from_physical_plan(plan, &Codec::default()).expect("a message");
        node.try_encode(&mut bytes).expect("bytes");
        let elsewhere = SessionContext::new();
        let node = PhysicalPlanNode::try_decode(&bytes).expect("a message");
        let plan = node.try_into_physical_plan(&elsewhere.task_ctx(), &Codec::default()).expect("a plan");
        let there = collect(plan, elsewhere.task_ctx()).await.expect("rows");
        assert_eq!(text(&there), text(&here));
        assert!(text(&here).contains("| 2026-10 | -2.50"), "{}", text(&here));
    }
}
