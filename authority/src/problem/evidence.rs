//! Status, slug and title of what keeps a report or a scanner out.

use axum::http::StatusCode;

use crate::levels::ScannerError;
use crate::report::ReportError;

pub(super) const fn report(error: &ReportError) -> (StatusCode, &'static str, &'static str) {
    match error {
        ReportError::Unrecognised
        | ReportError::OtherFormat { .. }
        | ReportError::Form { .. }
        | ReportError::Unbound
        | ReportError::Undated
        | ReportError::Untimely(_)
        | ReportError::Envelope(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "report-not-read",
            "Report not read",
        ),
        ReportError::OtherTools(_) | ReportError::OtherManifest { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "foreign-report",
            "Report on something else",
        ),
        ReportError::UnknownSigner | ReportError::NotItsFormat { .. } | ReportError::Revoked(_) => {
            (
                StatusCode::FORBIDDEN,
                "scanner-refused",
                "Scanner not believed",
            )
        }
        ReportError::Full(_) => (StatusCode::CONFLICT, "reports-full", "No room for reports"),
    }
}

pub(super) const fn scanner(error: ScannerError) -> (StatusCode, &'static str, &'static str) {
    match error {
        ScannerError::Unknown => (
            StatusCode::NOT_FOUND,
            "scanner-not-found",
            "Scanner not found",
        ),
        ScannerError::Key => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-request",
            "Invalid request",
        ),
        ScannerError::Taken | ScannerError::TooMany => {
            (StatusCode::CONFLICT, "scanner-not-added", "Not added")
        }
    }
}
