//! A relay that refuses, falls silent, and takes messages without saying so.

use std::sync::Arc;

use async_trait::async_trait;
use tieout::mail::{Envelope, Exchange, MailError, Outcome};

use super::store::Fate;
use super::world::World;

/// A message that the relay has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub delivery_id: String,
    pub address: String,
    pub bytes: Vec<u8>,
}

/// The relay as one process sees it.
#[derive(Debug)]
pub struct Relay {
    pub world: Arc<World>,
    pub fate: Arc<Fate>,
}

#[async_trait]
impl Exchange for Relay {
    async fn announce(&self, envelope: &Envelope) -> Result<Result<(), Outcome>, MailError> {
        self.fate.step().await;
        if self.world.strikes(25) {
            let source = "nobody listens".into();
            return Err(MailError::Unreachable { host: "relay".to_owned(), source });
        }
        if self.world.strikes(15) {
            return Ok(Err(Outcome::Deferred { code: Some(451), text: "later".to_owned() }));
        }
        if envelope.to.address.starts_with("gone") {
            return Ok(Err(Outcome::Rejected { code: 550, text: "no such user".to_owned() }));
        }
        Ok(Ok(()))
    }

    async fn hand_over(&self, envelope: &Envelope, bytes: &[u8]) -> Outcome {
        self.fate.step().await;
        if self.world.strikes(15) {
            return Outcome::Deferred { code: None, text: "lost before the dot".to_owned() };
        }
        super::invariants::only_what_is_committed(&self.world, envelope, bytes);
        self.world.accepted.lock().expect("a lock").push(Accepted {
            delivery_id: envelope.delivery_id.clone(),
            address: envelope.to.address.clone(),
            bytes: bytes.to_vec(),
        });
        self.world.count(|tally| tally.accepted += 1);
        self.fate.step().await;
        if self.world.strikes(12) {
            self.world.count(|tally| tally.doubts += 1);
            return Outcome::InDoubt { text: "no reply".to_owned() };
        }
        Outcome::Accepted { reply: "queued".to_owned() }
    }
}
