//! What must hold, whatever happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::{ObjectStoreExt, PutPayload};
use tieout::mail::{Envelope, Ledger, State, recipient_hash};
use tieout::publication::{Entry, Manifest};
use tieout::warehouse::output::sha256_hex;

use super::process::{RECIPIENTS, content, log};
use super::store::Fate;
use super::world::World;

/// At the moment an entry stands, all that it names is there, and is what it says.
pub async fn everything_is_there(world: &World, payload: &PutPayload) {
    let bytes: Vec<u8> = payload.iter().flat_map(|part| part.iter().copied()).collect();
    let entry: Entry = serde_json::from_slice(&bytes).expect("an entry");
    let seq = entry.seq;
    let version = version_of(&entry);
    for part in entry.tables.values().flat_map(BTreeMap::values) {
        let manifest = format!("_tieout/manifest/{}.json", part.manifest_sha256);
        let Some(manifest) = object(world, &manifest).await else {
            world.violated(format!("entry {seq} names a manifest that is not there"));
            continue;
        };
        let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
        for file in manifest.files {
            match object(world, &file.path).await {
                None => world.violated(format!("entry {seq} names `{}`, which is not there", file.path)),
                Some(bytes) if sha256_hex(&bytes) != file.sha256 => {
                    world.violated(format!("entry {seq} names `{}`, which is another one", file.path));
                }
                Some(bytes) if bytes != content(version) => {
                    world.violated(format!("entry {seq} of version {version} publishes other figures"));
                }
                Some(_) => {}
            }
        }
    }
    for recipient in entry.record.deliveries.iter().flat_map(|delivery| &delivery.recipients) {
        let stored = object(world, &recipient.eml_path).await;
        if stored.is_none_or(|bytes| sha256_hex(&bytes) != recipient.eml_sha256) {
            world.violated(format!("entry {seq} owes a mail that is not there"));
        }
    }
}

/// No message leaves for anything that is not committed, and it leaves as it was committed.
pub fn only_what_is_committed(world: &Arc<World>, envelope: &Envelope, bytes: &[u8]) {
    // The store in memory answers at once.
    let entries = futures::executor::block_on(entries(world));
    let hash = recipient_hash(&envelope.delivery_id, &envelope.to.address);
    let owed = entries.iter().flat_map(|entry| &entry.record.deliveries).any(|delivery| {
        let is = |recipient: &&tieout::publication::Recipient| {
            recipient.rcpt_hash == hash && recipient.eml_sha256 == sha256_hex(bytes)
        };
        delivery.delivery_id == envelope.delivery_id && delivery.recipients.iter().any(|recipient| is(&recipient))
    });
    if !owed {
        world.violated(format!("a mail of {} left that nothing committed", envelope.delivery_id));
    }
}

/// When trouble is over and a few runs went through: everything is published, delivered or held, once. Gives the number of
/// publications.
pub async fn of_the_end(world: &Arc<World>, newest: u32) -> u64 {
    let fate = Fate::of(world);
    let log = log(world, &fate).await.expect("a log");
    let head = match log.verify().await {
        Ok(head) => head,
        Err(error) => {
            world.violated(format!("the log is broken: {error}"));
            return 0;
        }
    };
    let Some(head) = head else {
        world.violated("nothing was published".to_owned());
        return 0;
    };
    if version_of(&head.entry) != newest {
        world.violated(format!("version {newest} is not published, {} is", head.entry.record.fingerprint));
    }
    let entries = entries(world).await;
    let mut seen = BTreeMap::new();
    for entry in &entries {
        if let Some(earlier) = seen.insert(entry.record.fingerprint.clone(), entry.seq) {
            world.violated(format!("entries {earlier} and {} publish the same", entry.seq));
        }
    }
    written_once(world);
    let ledger = Ledger::new(log.single(), "inspector", Arc::clone(world) as _).expect("a ledger");
    for delivery in entries.iter().flat_map(|entry| &entry.record.deliveries) {
        for address in RECIPIENTS {
            let recipient = tieout::mail::Recipient { delivery_id: &delivery.delivery_id, address };
            let state = ledger.state(recipient).await.expect("a state");
            settled(world, &delivery.delivery_id, address, &state);
        }
    }
    head.entry.seq
}

fn settled(world: &World, delivery_id: &str, address: &str, state: &State) {
    let accepted = world.accepted.lock().expect("a lock");
    let copies = accepted.iter().filter(|mail| mail.delivery_id == delivery_id && mail.address == address).count();
    drop(accepted);
    let fits = match state {
        State::Accepted { .. } => copies == 1,
        State::Rejected { .. } | State::Expired { .. } => copies == 0,
        State::InDoubt(_) => copies <= 1,
        State::Open(_) => false,
    };
    if !fits {
        world.violated(format!("{delivery_id} to {address} is {state:?}, and the relay has {copies} copies"));
    }
}

/// What is created once was written once.
fn written_once(world: &World) {
    for (key, count) in world.writes.lock().expect("a lock").iter() {
        let once = ["_tieout/log/", "_tieout/format.json", "/claim-", "/dot-", "/ok-", "/fail-", "data/"];
        let is_lease = key.contains("_tieout/lease/") && key.contains(".json");
        if *count > 1 && (is_lease || once.iter().any(|part| key.contains(part))) {
            world.violated(format!("`{key}` was written {count} times"));
        }
    }
}

async fn entries(world: &World) -> Vec<Entry> {
    let mut entries = Vec::new();
    for seq in 1_u64.. {
        let Some(bytes) = object(world, &format!("_tieout/log/{seq:020}.json")).await else { break };
        entries.push(serde_json::from_slice(&bytes).expect("an entry"));
    }
    entries
}

async fn object(world: &World, path: &str) -> Option<Vec<u8>> {
    let got = world.objects.get(&path.into()).await.ok()?;
    Some(got.bytes().await.ok()?.to_vec())
}

fn version_of(entry: &Entry) -> u32 {
    entry.record.fingerprint.trim_start_matches("version ").parse().expect("a version")
}
