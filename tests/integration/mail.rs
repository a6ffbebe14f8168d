//! Mail: the same bytes every time, one recipient at a time, encrypted or not at all, and never twice.

mod delivery;
mod doubts;
mod matrix;
mod message;
mod notices;
mod owed;
mod post;
mod relay;
mod retry;

use tieout::pipeline::Mailbox;
use tieout::report::{File, Rendered};

pub fn mailbox(name: Option<&str>, address: &str) -> Mailbox {
    Mailbox { name: name.map(str::to_owned), address: address.to_owned() }
}

fn rendered() -> Rendered {
    Rendered {
        subject: "Channel contribution 2026-10 – größer".to_owned(),
        html: "<p>Contribution 3: 354,343.27</p>\n.\n<p>🧦</p>".to_owned(),
        text: "Contribution 3: 354,343.27\n.\nend\n".to_owned(),
        attachments: vec![File {
            name: "channels_2026-10.csv".to_owned(),
            mime: "text/csv",
            bytes: b"a,b\r\n.\r\n1,2\r\n".to_vec(),
        }],
    }
}
