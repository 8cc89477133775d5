//! The model of placement, and who makes cases for it.

pub mod generator;
pub mod model;
