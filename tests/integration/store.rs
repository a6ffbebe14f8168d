//! Stores: what is opened, what is found, what is read, and who created a key.

mod creates;
mod listing;
mod opening;
mod pins;
mod web;
