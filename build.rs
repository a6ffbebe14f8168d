//! The shipped pipelines, SQL and templates are inside the binary: a change of any of them is a change of the program.

fn main() {
    for folder in ["pipelines", "sql", "reports"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
