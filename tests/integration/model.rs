//! The publication protocol as a model that is small enough to be explored completely: every interleaving of three runs,
//! with crashes, lost answers and a relay that has its moods.
//!
//! `system` is the model, `guards` names what keeps it right, `mail` and `publish` are its two halves. The tests explore
//! the whole of it, and then take one guard away at a time: the checker must find what that guard prevents, or the model
//! proves nothing.

mod explored;
mod guards;
mod mail;
mod publish;
mod removed;
mod system;
