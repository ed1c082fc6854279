//! The bodies of the fuzz targets, which the project's tests run as well.

#[path = "../../tests/checks/mod.rs"]
pub mod checks;
