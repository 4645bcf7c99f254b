//! What is the same for every operation of the OpenAPI document: how it may fail beside its own ways.

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};

/// Operations that answer from memory alone.
const CANNOT_FAIL: [&str; 4] = ["healthz", "openapi", "trust", "jwks"];

/// Of every operation with a body.
const OF_A_BODY: [(&str, &str); 4] = [
    ("400", "Not strict JSON, or cut off"),
    ("413", "More than 65536 bytes"),
    ("415", "Not announced as JSON"),
    ("422", "Not what this route takes"),
];
/// Of every operation with something in its path.
const OF_A_PATH: [(&str, &str); 1] = [("400", "Not an id")];
/// Of every operation that works with the database or a key.
const OF_WORK: [(&str, &str); 3] = [
    ("408", "Not answered within its time"),
    ("500", "A defect; the operator's log has it"),
    ("503", "The database or a key is not usable now; try again"),
];

/// Adds to each operation the ways to fail that it does not name itself.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let named = path.contains('{');
        for operation in operations(item) {
            if operation.request_body.is_some() {
                add(operation, &OF_A_BODY);
            }
            if named {
                add(operation, &OF_A_PATH);
            }
            for parameter in operation.parameters.iter_mut().flatten() {
                never_null(parameter);
            }
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if !CANNOT_FAIL.contains(&id) {
                add(operation, &OF_WORK);
            }
        }
    }
    document
}

/// What is left out of a query or of the headers is not there; it is never null.
fn never_null(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else {
        return;
    };
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &object.schema_type {
        let mut kinds = types.iter().filter(|kind| **kind != Type::Null);
        if let (Some(kind), None) = (kinds.next(), kinds.next()) {
            object.schema_type = SchemaType::Type(kind.clone());
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn add(operation: &mut Operation, ways: &[(&str, &str)]) {
    for (status, why) in ways {
        let responses = &mut operation.responses.responses;
        let entry = responses.entry((*status).to_owned());
        entry.or_insert_with(|| RefOr::T(problem(why)));
    }
}

fn problem(why: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(why)
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}
