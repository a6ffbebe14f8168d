//! The cluster of a run, when its pipeline names one.

use std::sync::Arc;

use crate::commands::project::Project;
use crate::commands::scratch::Scratch;
use crate::error::Failure;
use crate::publication::Log;
use crate::store::Stores;
use crate::warehouse::inputs::Inputs;
use crate::warehouse::remote::Remote;

/// What computes the models of a run; none when this process does.
///
/// # Errors
/// When the cluster cannot compute now.
#[cfg(feature = "cluster")]
pub async fn remote(
    project: &Project,
    stores: &Stores,
    log: &Log,
    run_id: &str,
    inputs: &Inputs,
    scratch: &Scratch,
) -> Result<Option<Arc<dyn Remote>>, Failure> {
    use crate::cluster::{Cluster, Places};
    use crate::error::Exit;
    use crate::warehouse::{build, output};

    let Some(settings) = &project.pipeline.engine.cluster else { return Ok(None) };
    let internal = |error| Failure::new(Exit::Internal, error);
    let mut places = Places::default();
    for (name, input) in &inputs.sources {
        places.inputs(&build::store_url(name).map_err(internal)?, stores.open(&input.source.files)?);
    }
    let outputs = log.outputs();
    places.outputs(&output::store_url().map_err(internal)?, outputs.clone());
    let cluster = Cluster::begin(settings, places, outputs, run_id, scratch.path().to_path_buf()).await;
    let cluster = cluster.map_err(|error| Failure::new(error.exit(), error))?;
    Ok(Some(Arc::new(cluster)))
}

/// Without the cluster in this program, a pipeline that names one is refused before.
///
/// # Errors
/// Never.
#[cfg(not(feature = "cluster"))]
pub async fn remote(
    _: &Project,
    _: &Stores,
    _: &Log,
    _: &str,
    _: &Inputs,
    _: &Scratch,
) -> Result<Option<Arc<dyn Remote>>, Failure> {
    Ok(None)
}
