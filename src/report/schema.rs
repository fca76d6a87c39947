//! Schemas of the files that reports consist of.

use schemars::Schema;
use schemars::SchemaGenerator;

use super::card::RawCard;
use super::handover::RawHandover;
use super::prediction::RawPrediction;
use super::ranking::RawRanking;
use super::recovery::RawRecovery;
use super::result_file::RawResult;

/// How a generator makes the schema of a type.
pub type Make = fn(SchemaGenerator) -> Schema;

/// Every JSON file of a report: its name, and its schema.
pub const REPORT_SCHEMAS: [(&str, Make); 6] = [
    (
        "result.json",
        SchemaGenerator::into_root_schema_for::<RawResult>,
    ),
    (
        "posterior.json",
        SchemaGenerator::into_root_schema_for::<RawHandover>,
    ),
    (
        "prediction.json",
        SchemaGenerator::into_root_schema_for::<RawPrediction>,
    ),
    (
        "ranking.json",
        SchemaGenerator::into_root_schema_for::<RawRanking>,
    ),
    (
        "recovery.json",
        SchemaGenerator::into_root_schema_for::<RawRecovery>,
    ),
    (
        "card.json",
        SchemaGenerator::into_root_schema_for::<RawCard>,
    ),
];
