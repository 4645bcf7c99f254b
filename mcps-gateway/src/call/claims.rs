//! The claims of an access token, of which only policies read more than names.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use mcps_core::digest::Digest;
use mcps_core::json::{Document, Value};

/// The claims of one token. A copy costs nothing; the same texts are the same claims.
#[derive(Clone)]
pub struct Claims {
    document: Arc<Document>,
    digest: Digest,
}

impl Claims {
    /// Those of a document; `None` if it is no object.
    #[must_use]
    pub fn new(document: Document) -> Option<Self> {
        document.root().as_object()?;
        Some(Self {
            digest: Digest::of(document.text().as_bytes()),
            document: Arc::new(document),
        })
    }

    /// All of them.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        self.document.root()
    }

    /// One of them: by its name or, where that begins with `/`, by its path (RFC 6901).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let Some(path) = name.strip_prefix('/') else {
            return self.root().get(name);
        };
        let mut steps = path.split('/');
        steps.try_fold(self.root(), |value, step| {
            value.get(&step.replace("~1", "/").replace("~0", "~"))
        })
    }
}

impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Claims {}

impl Hash for Claims {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// Shows no claim: who somebody is, is for records.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").finish_non_exhaustive()
    }
}
