//! What a project is refused for before it runs: each defect with its code and its place, and nothing that follows from it.

mod columns;
