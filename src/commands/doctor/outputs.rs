//! The output store: what the commit rests on.

use object_store::path::Path;
use url::Url;

use super::{Probe, problem};
use crate::problem::Problem;
use crate::store::{Location, Promise, StoreError, Stores, probe};

const OF: &str = "outputs";

/// Clocks this many seconds apart are worth a word.
const SKEW: i64 = 30;

/// Tries out every promise on new keys, and deletes them. `clock` gives seconds since 1970.
pub(super) async fn probe(stores: &Stores, outputs: &Url, nonce: &str, clock: &impl Fn() -> i64) -> Vec<Probe> {
    let opened = stores.open_for_log(outputs).and_then(|location| {
        let keys = Keys::new(&location, nonce)?;
        Ok((location, keys))
    });
    let (location, keys) = match opened {
        Ok(opened) => opened,
        Err(error) => return vec![Probe::of_store(OF, "reached", Err(error))],
    };
    let address = location.address(&location.root);
    let reached = location.read_if_exists(&keys.first).await.map(|_| address);
    let is_reached = reached.is_ok();
    let mut probes = vec![Probe::of_store(OF, "reached", reached)];
    if is_reached {
        promises(&location, &keys, nonce, clock, &mut probes).await;
    } else {
        probes.push(Probe::skipped(OF, "created once", "everything else needs the store to be reached"));
    }
    probes
}

struct Keys {
    first: Path,
    race: Path,
}

impl Keys {
    fn new(location: &Location, nonce: &str) -> Result<Self, StoreError> {
        let key = |name: &str| location.path(&format!("{}/{nonce}-{name}.json", probe::FOLDER));
        Ok(Self { first: key("once")?, race: key("race")? })
    }
}

async fn promises(location: &Location, keys: &Keys, nonce: &str, clock: &impl Fn() -> i64, probes: &mut Vec<Probe>) {
    let before = clock();
    let created = probe::creates(location, &keys.first, nonce).await;
    let after = clock();
    let stored = match created {
        Ok(stored) => stored,
        Err(error) => {
            probes.push(Probe::of_store(OF, "created", Err(error)));
            probes.push(Probe::skipped(OF, "created once", "everything else needs a key that was created"));
            return;
        }
    };
    probes.push(Probe::ok(OF, "created", "a new key"));
    let first = &keys.first;
    let skew = probe::clock(location, first, before, after).await;
    let found = probe::lists(location, first).await;
    probes.push(Probe::of_store(OF, "listed at once", found.map(|()| "a key as soon as it was written".to_owned())));
    let found = probe::refuses_other_version(location, first).await;
    probes.push(Probe::of_store(OF, "read if it matches", found.map(|()| "another entity tag was refused".to_owned())));
    let found = probe::refuses_other_version_of_a_range(location, first).await;
    let found = found.map(|()| "the same for a part of an object".to_owned());
    probes.push(Probe::of_store(OF, "range if it matches", found));
    let found = probe::refuses_second(location, first, &stored, nonce).await;
    let found = found.map(|()| "a second create was refused, and the key is unchanged".to_owned());
    probes.push(Probe::of_store(OF, "created once", found));
    let found = probe::one_wins(location, &keys.race, nonce).await;
    let found = found.map(|others| format!("one of {} writers won, the others read its bytes", others + 1));
    probes.push(Probe::of_store(OF, "one winner", found));
    probes.push(clocks(skew));
    probes.push(removed(location, keys).await);
}

/// A small difference is only worth a word: no figure depends on the clock, but retries and log lines read oddly.
fn clocks(ahead: Result<i64, StoreError>) -> Probe {
    const PROMISE: &str = "clocks agree";
    match ahead {
        Ok(ahead) if ahead.abs() > SKEW => {
            let broken = Promise::Clock(ahead);
            let help = "set the clock of this machine by a time server";
            Probe::warning(OF, PROMISE, Problem::new("E514", broken.to_string()).help(help))
        }
        Ok(ahead) => Probe::ok(OF, PROMISE, format!("within {} s", ahead.abs().max(1))),
        Err(error) => Probe::failed(OF, PROMISE, error.exit(), problem(&error)),
    }
}

/// Publishing deletes nothing, so a store that does not allow it is as good as any.
async fn removed(location: &Location, keys: &Keys) -> Probe {
    const PROMISE: &str = "probes deleted";
    if probe::removes(location, &[keys.first.clone(), keys.race.clone()]).await {
        return Probe::ok(OF, PROMISE, "nothing was left behind");
    }
    let seen = format!("not allowed, and publishing does not need it; two small keys stay below {}/", probe::FOLDER);
    Probe::ok(OF, PROMISE, seen)
}
