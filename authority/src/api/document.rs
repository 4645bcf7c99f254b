//! What is the same for every operation of the OpenAPI document: how it may fail beside its own ways.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
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
/// Of every operation with a query.
const OF_A_QUERY: [(&str, &str); 1] = [("422", "A query that this route does not take")];
/// Of every operation with something in its path.
const OF_A_PATH: [(&str, &str); 1] = [("400", "Not an id")];
/// Of every operation that an operator is needed for.
const OF_AN_OPERATOR: [(&str, &str); 1] = [(
    "403",
    "The operator holds no role that allows it: docs/access.md",
)];
/// Of every operation that works with the database or a key.
const OF_WORK: [(&str, &str); 3] = [
    ("408", "Not answered within its time"),
    ("500", "A defect; the operator's log has it"),
    ("503", "The database or a key is not usable now; try again"),
];

/// What a parameter of that name has to be wherever it stands, where the operation does not say.
const FORMS: [(&str, &str); 7] = [
    ("cursor", "^[A-Za-z0-9_-]{1,2048}$"),
    ("idempotency-key", "^[!-~]{1,128}$"),
    ("if-match", r#"^([*]|"[0-9]{1,18}")$"#),
    ("name", "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"),
    ("position", "^[1-9][0-9]{0,14}:(0|[1-9][0-9]{0,14})$"),
    ("tenant", "^[a-z0-9][a-z0-9-]{0,62}$"),
    ("version", "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"),
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
            if operation.security.is_some() {
                add(operation, &OF_AN_OPERATOR);
            }
            let parameters = operation.parameters.iter_mut().flatten();
            let mut queried = false;
            for parameter in parameters.filter_map(stated) {
                queried |= parameter.parameter_in == ParameterIn::Query;
                narrow(parameter);
            }
            if queried {
                add(operation, &OF_A_QUERY);
            }
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if !CANNOT_FAIL.contains(&id) {
                add(operation, &OF_WORK);
            }
        }
    }
    document
}

const fn stated(parameter: &mut RefOr<Parameter>) -> Option<&mut Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}

/// What is left out of a query or of the headers is not there; it is never null. And it has its form.
fn narrow(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &object.schema_type {
        let mut kinds = types.iter().filter(|kind| **kind != Type::Null);
        if let (Some(kind), None) = (kinds.next(), kinds.next()) {
            object.schema_type = SchemaType::Type(kind.clone());
        }
    }
    let form = FORMS.iter().find(|(name, _)| *name == parameter.name);
    if let (None, Some((_, pattern))) = (&object.pattern, form) {
        object.pattern = Some((*pattern).to_owned());
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
