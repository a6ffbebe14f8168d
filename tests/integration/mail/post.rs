//! Runs that mail the same report to the same people, over one ledger and one clock.

use std::sync::Arc;

use jiff::SignedDuration;
use object_store::ObjectStore;
use tieout::mail::{
    Decision, DeliveryReport, Ledger, OutboxEntry, Policy, Recipient, State, Status, Transport, Way, deliver,
};
use tieout::pipeline::{OnUnknown, Tls};
use tieout::store::Location;

use super::mailbox;
use crate::fixtures::clock::SetClock;
use crate::fixtures::places::stores;
use crate::fixtures::smtp::{Relay, Script};

pub const ID: &str = "p/2026-10/r/r1";
pub const START: &str = "2026-11-07T05:17:00Z";
pub const FINANCE: Recipient<'static> = to("finance@shop.example");
pub const BY_ANN: Decision<'static> = Decision { by: "Ann", reason: "asked them" };

pub const HOLD: Policy = Policy {
    retry_for: std::time::Duration::ZERO,
    deadline: SignedDuration::from_hours(72),
    on_unknown: OnUnknown::Hold,
};
pub const RESEND: Policy = Policy { on_unknown: OnUnknown::Resend, ..HOLD };

pub const fn to(address: &str) -> Recipient<'_> {
    Recipient { delivery_id: ID, address }
}

/// A relay, a store in memory, a clock.
pub struct Post {
    pub relay: Relay,
    pub store: Location,
    pub clock: SetClock,
    pub policy: Policy,
    /// Without encryption the relay is quicker.
    pub tls: Tls,
}

impl Post {
    pub async fn new(script: Script) -> Self {
        let store = stores(&[]).open_for_log(&"memory:///".parse().expect("a URL")).expect("a store");
        let relay = Relay::start(script).await;
        Self { relay, store, clock: SetClock::at(START), policy: HOLD, tls: Tls::Required }
    }

    /// The same with another store under it.
    pub fn over(&self, store: Arc<dyn ObjectStore>) -> Location {
        Location { store, ..self.store.clone() }
    }

    pub fn ledger(&self, run: &str) -> Ledger {
        Ledger::new(&self.store, run, self.clock.shared()).expect("a ledger")
    }

    pub fn transport(&self) -> Transport {
        match self.relay.transport() {
            Transport::Smtp { timeouts, .. } => Transport::Smtp { relay: self.relay.smtp(self.tls), timeouts },
            other => other,
        }
    }

    pub async fn run(&self, name: &str, people: &[&str]) -> DeliveryReport {
        self.run_by(&self.transport(), name, people).await
    }

    pub async fn run_by(&self, transport: &Transport, name: &str, people: &[&str]) -> DeliveryReport {
        let way = Way { transport, ledger: &self.ledger(name), policy: self.policy };
        deliver(&entries(people), way, || false).await.expect("a ledger")
    }

    /// A run for finance alone.
    pub async fn finance(&self, name: &str) -> Status {
        let report = self.run(name, &[FINANCE.address]).await;
        report.delivered[0].status.clone()
    }

    pub async fn state(&self, address: &str) -> State {
        self.ledger("asking").state(to(address)).await.expect("a state")
    }

    /// How many messages the relay took upon itself for this address.
    pub fn copies(&self, address: &str) -> usize {
        let header = format!("To: {address}\r\n");
        let accepted = self.relay.accepted();
        accepted.iter().filter(|message| message.starts_with(header.as_bytes())).count()
    }
}

pub fn entries(people: &[&str]) -> Vec<OutboxEntry> {
    people.iter().map(|address| entry(address)).collect()
}

fn entry(address: &str) -> OutboxEntry {
    OutboxEntry {
        delivery_id: ID.to_owned(),
        from: mailbox(None, "reports@shop.example"),
        to: mailbox(None, address),
        committed_at: START.parse().expect("an instant"),
        bytes: format!("To: {address}\r\n\r\nhello").into(),
    }
}
