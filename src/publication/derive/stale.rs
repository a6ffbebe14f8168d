//! Whether what is derived is of the newest entry, without writing anything.

use serde_json::Value;

use super::{Publication, PublicationError, latest, tables, texts};

/// How many derived objects belong to a publication, and each that is not what it should be: its address, and how it
/// differs.
///
/// # Errors
/// When a manifest is missing or changed, or the store fails.
pub async fn stale(publication: &Publication) -> Result<(u64, Vec<(String, String)>), PublicationError> {
    let tables = tables(publication).await?;
    let outputs = publication.log().outputs();
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, text) in texts(publication, &tables) {
        let path = outputs.path(name)?;
        count += 1;
        let why = match outputs.read_if_exists(&path).await? {
            None => "is missing".to_owned(),
            Some(bytes) if bytes == text.as_bytes() => continue,
            Some(bytes) => other(&bytes, publication.seq()),
        };
        wrong.push((outputs.address(&path), why));
    }
    for table in &tables {
        count += latest::differences(publication, table, &mut wrong).await?;
    }
    Ok((count, wrong))
}

fn other(bytes: &[u8], seq: u64) -> String {
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    let text = String::from_utf8_lossy(bytes);
    let of_json = json.and_then(|json| json.get("seq").and_then(Value::as_u64));
    let of_sql = || text.strip_prefix("-- Publication ")?.split('.').next()?.parse().ok();
    match of_json.or_else(of_sql).filter(|found| *found != seq) {
        Some(found) => format!("is of publication {found}, the newest is {seq}"),
        None => format!("is not what follows from publication {seq}"),
    }
}
