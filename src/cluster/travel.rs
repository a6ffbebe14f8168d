//! A plan on its way to executors: the same operators, over files that executors can read.
//!
//! Inputs and published files are named with their URLs, inputs with the content they must have. Tables in memory travel in
//! the plan when they are small; large ones, and those in the run's scratch folder, are staged.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Statistics, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::ObjectMeta;

use crate::cluster::files::{RemoteFile, store_url};
use crate::cluster::staging::{Staged, Staging};
use crate::store::{Location, PinnedFile};
use crate::warehouse::execute::bytes_of;
use crate::warehouse::own_text::OwnText;
use crate::warehouse::sort_once::SortOnce;

/// Bytes of a table that travels in the plan. Each task gets the plan.
const IN_PLAN: usize = 256 << 10;

/// What the stores of a session are, by the names that its plans have for them, and whether their files are pinned.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<String, Place>);

#[derive(Clone, Debug)]
struct Place {
    location: Location,
    pinned: bool,
}

impl Places {
    /// A store whose files are read only as they are pinned.
    pub fn inputs(&mut self, name: &ObjectStoreUrl, location: Location) {
        self.0.insert(name.as_str().to_owned(), Place { location, pinned: true });
    }

    /// The store that the run writes to.
    pub fn outputs(&mut self, name: &ObjectStoreUrl, location: Location) {
        self.0.insert(name.as_str().to_owned(), Place { location, pinned: false });
    }

    /// A file of a plan as executors know it; none when it is in no store that they reach.
    fn remote(&self, store: &ObjectStoreUrl, meta: &ObjectMeta) -> Option<RemoteFile> {
        let Place { location, pinned } = self.0.get(store.as_str())?;
        let url = location.url_of(&meta.location);
        Some(if *pinned {
            RemoteFile::Pinned(PinnedFile::new(url, meta.clone(), Vec::new()))
        } else {
            RemoteFile::Own(url.to_string())
        })
    }
}

/// Makes plans of one session ready to travel.
pub(super) struct Travel<'a> {
    pub places: &'a Places,
    pub staging: &'a Staging,
    pub runtime: &'a RuntimeEnv,
}

impl Travel<'_> {
    /// The same plan over files that executors can read.
    ///
    /// # Errors
    /// When a table cannot be staged, or reads what no executor can.
    pub fn ready<'a>(
        &'a self,
        plan: &'a Arc<dyn ExecutionPlan>,
    ) -> BoxFuture<'a, Result<Arc<dyn ExecutionPlan>, DataFusionError>> {
        async move {
            if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
                return self.scan(plan, scan).await;
            }
            let mut children = Vec::new();
            for child in plan.children() {
                children.push(self.ready(child).await?);
            }
            // Executors put it where they hold rows, once the plan has been split.
            if plan.is::<OwnText>() {
                return children.pop().map_or_else(|| Ok(Arc::clone(plan)), Ok);
            }
            // Executors know the engine's own sort, which has its memory for itself.
            if let Some(sort) = plan.downcast_ref::<SortOnce>() {
                return sort.by_the_engine(children);
            }
            replace_children_if_necessary(Arc::clone(plan), children)
        }
        .boxed()
    }

    async fn scan(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        scan: &DataSourceExec,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let source: &dyn std::any::Any = scan.data_source().as_ref();
        if let Some(files) = source.downcast_ref::<FileScanConfig>() {
            return self.files(files).await;
        }
        let Some(memory) = source.downcast_ref::<MemorySourceConfig>() else {
            return exec_err!("a cluster cannot read what this operator reads: {}", plan.name());
        };
        self.memory(plan, memory).await
    }

    async fn files(&self, files: &FileScanConfig) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut groups = Vec::new();
        for group in &files.file_groups {
            let mut remote = Vec::new();
            for file in group.iter() {
                remote.push(self.file(&files.object_store_url, file).await?);
            }
            groups.push(FileGroup::new(remote));
        }
        let mut files = files.clone();
        files.object_store_url = store_url()?;
        files.file_groups = groups;
        Ok(DataSourceExec::from_data_source(files))
    }

    async fn file(&self, store: &ObjectStoreUrl, file: &PartitionedFile) -> Result<PartitionedFile, DataFusionError> {
        let meta = &file.object_meta;
        let remote = if let Some(remote) = self.places.remote(store, meta) {
            remote
        } else {
            // A file of the scratch folder, whose name is used once.
            let scratch = self.runtime.object_store(store)?;
            self.staging.file(scratch.as_ref(), meta).await?.file
        };
        let mut file = file.clone();
        file.object_meta.location = remote.path()?;
        file.object_meta.e_tag = None;
        file.object_meta.version = None;
        Ok(file)
    }

    async fn memory(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        memory: &MemorySourceConfig,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if !memory.sort_information().is_empty() {
            return Ok(Arc::clone(plan));
        }
        // Without columns only the rows count: those of the first one are as many.
        let counted = memory.projection().as_ref().is_some_and(Vec::is_empty);
        let columns = if counted { Some(vec![0]) } else { memory.projection().clone() };
        let (whole, empty) = (memory.original_schema(), Vec::new());
        let schema = match &columns {
            Some(columns) if !whole.fields().is_empty() => Arc::new(whole.project(columns)?),
            _ => Arc::clone(&whole),
        };
        let mut partitions = Vec::new();
        for batches in memory.partitions() {
            let columns = if whole.fields().is_empty() { Some(&empty) } else { columns.as_ref() };
            let kept = batches.iter().map(|batch| match columns {
                Some(columns) => batch.project(columns),
                None => Ok(batch.clone()),
            });
            partitions.push(kept.collect::<Result<Vec<RecordBatch>, _>>()?);
        }
        let bytes: usize = partitions.iter().flatten().map(bytes_of).sum();
        let stays = plan.fetch().is_some() || whole.fields().is_empty();
        if bytes <= IN_PLAN || stays {
            let projection = counted.then(Vec::new);
            let small = MemorySourceConfig::try_new(&partitions, schema, projection)?
                .with_limit(plan.fetch())
                .with_show_sizes(memory.show_sizes());
            return Ok(DataSourceExec::from_data_source(small));
        }
        self.staged(schema, &partitions, counted).await
    }

    async fn staged(
        &self,
        schema: SchemaRef,
        partitions: &[Vec<RecordBatch>],
        counted: bool,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let (mut groups, mut rows) = (Vec::new(), 0);
        for batches in partitions {
            let whole = concat_batches(&schema, batches)?;
            rows += whole.num_rows();
            let Staged { file, size } = self.staging.rows(&whole).await?;
            let meta = ObjectMeta {
                location: file.path()?,
                last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                size,
                e_tag: None,
                version: None,
            };
            groups.push(FileGroup::new(vec![PartitionedFile::from(meta)]));
        }
        let statistics = Statistics { num_rows: Precision::Inexact(rows), ..Statistics::new_unknown(&schema) };
        let source = Arc::new(ParquetSource::new(TableSchema::builder(schema).build()));
        let config = FileScanConfigBuilder::new(store_url()?, source)
            .with_file_groups(groups)
            .with_projection_indices(counted.then(Vec::new))?
            .with_statistics(statistics)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The inputs that a plan reads, with the stores that this process reads them from.
pub(super) fn inputs(plan: &Arc<dyn ExecutionPlan>, places: &Places) -> Vec<(ObjectStoreUrl, ObjectMeta)> {
    let mut found: Vec<_> = plan.children().into_iter().flat_map(|child| inputs(child, places)).collect();
    let Some(scan) = plan.downcast_ref::<DataSourceExec>() else { return found };
    let source: &dyn std::any::Any = scan.data_source().as_ref();
    if let Some(files) = source.downcast_ref::<FileScanConfig>()
        && places.0.get(files.object_store_url.as_str()).is_some_and(|place| place.pinned)
    {
        let metas = files.file_groups.iter().flat_map(FileGroup::iter).map(|file| file.object_meta.clone());
        found.extend(metas.map(|meta| (files.object_store_url.clone(), meta)));
    }
    found
}
