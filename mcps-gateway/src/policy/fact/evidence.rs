//! What the arguments of one call show: strings at any depth, under their encodings, put together
//! where they were split.

use std::borrow::Cow;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use mcps_core::json::{Document, Kind, Limits, Value};

use super::fold::{fold, hex_pair, percent_decoded};

/// Reads what careless encoders write.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Layers of encoding that are looked under.
const DEPTH: u8 = 3;
/// Bytes of decoded text that one call may cost.
const DECODED: usize = 256 << 10;
/// Shorter runs are words.
const SHORTEST: usize = 12;

/// A longer text is put together with no other.
const LONG: usize = 256 << 10;

/// Members that name a folder.
const FOLDERS: [&str; 17] = [
    "path",
    "dir",
    "directory",
    "folder",
    "base",
    "root",
    "cwd",
    "parent",
    "prefix",
    "basedir",
    "base_path",
    "basepath",
    "location",
    "home",
    "workdir",
    "working_directory",
    "parent_path",
];
/// Members that name something in a folder.
const LEAVES: [&str; 13] = [
    "name",
    "file",
    "filename",
    "file_name",
    "basename",
    "key",
    "path",
    "relative_path",
    "target",
    "child",
    "relpath",
    "subpath",
    "entry",
];

/// Whether a member of that name is a path.
pub(crate) fn names_folder(key: &str) -> bool {
    FOLDERS.contains(&key.to_lowercase().as_str())
}

/// One string or number of the arguments.
pub(crate) struct Text<'a> {
    /// The nearest member name above it.
    pub(crate) key: &'a str,
    /// What it says.
    pub(crate) value: &'a str,
    /// How it stands in the arguments.
    pub(crate) form: Form,
    /// Where it stands in the arguments, if anybody asked for that: names from the outside in. Absent for what
    /// is encoded, or beside them.
    pub(crate) path: Option<&'a [String]>,
}

/// How a text stands in the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a string, or encoded in one.
    String,
    /// As a number.
    Number,
    /// It was put together from several strings.
    Joined,
}

/// What was odd about the arguments as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// Two members of one object differ by case or invisible characters only.
    pub(crate) ambiguous: bool,
    /// There was more under the encodings than is looked into.
    pub(crate) undecodable: bool,
}

/// Gives every string and number of the arguments, and of the `parts` beside them, each under its name, to
/// `each`, names of members too; with its place, if that is `placed`.
pub(crate) fn walk<'a>(
    arguments: Option<Value<'a>>,
    parts: impl Iterator<Item = (Cow<'a, str>, Value<'a>)>,
    placed: bool,
    each: &mut dyn FnMut(Text<'_>),
) -> Oddities {
    let mut walk = Walk {
        each,
        path: placed.then(Vec::new),
        odd: Oddities::default(),
        left: DECODED,
    };
    if let Some(arguments) = arguments {
        walk.value("", arguments, 0);
    }
    walk.path = None;
    for (name, part) in parts {
        walk.value(&name, part, 0);
    }
    walk.odd
}

struct Walk<'w> {
    each: &'w mut dyn FnMut(Text<'_>),
    /// The names above, while they are wanted.
    path: Option<Vec<String>>,
    odd: Oddities,
    left: usize,
}

impl Walk<'_> {
    fn value(&mut self, key: &str, value: Value<'_>, layer: u8) {
        match value.kind() {
            Kind::String => {
                if let Some(text) = value.as_str() {
                    self.text(key, &text, layer);
                }
            }
            Kind::Array => self.array(key, value, layer),
            Kind::Object => self.object(value, layer),
            Kind::Number => self.tell(key, value.raw(), Form::Number, layer),
            Kind::Null | Kind::Bool => {}
        }
    }

    fn array(&mut self, key: &str, value: Value<'_>, layer: u8) {
        let Some(array) = value.as_array() else {
            return;
        };
        let mut strings: Vec<Cow<'_, str>> = Vec::new();
        for item in array {
            strings.extend(item.as_str());
            self.value(key, item, layer);
        }
        if strings.len() > 1 {
            for glue in ["/", "", " "] {
                self.tell(key, &strings.join(glue), Form::Joined, layer);
            }
            // A secret in pieces: what the pieces encode together.
            self.decode(key, &strings.concat(), layer);
        }
    }

    fn object(&mut self, value: Value<'_>, layer: u8) {
        let Some(object) = value.as_object() else {
            return;
        };
        let mut folders: Vec<Cow<'_, str>> = Vec::new();
        let mut leaves: Vec<(String, Cow<'_, str>)> = Vec::new();
        let mut names: Vec<String> = Vec::with_capacity(object.len());
        for member in object {
            let name = member.name();
            let folded = fold(&name).to_lowercase();
            if let Some(text) = member.value().as_str().filter(|text| text.len() <= LONG) {
                if FOLDERS.contains(&folded.as_str()) && folders.len() < 4 {
                    folders.push(text.clone());
                }
                if LEAVES.contains(&folded.as_str()) && leaves.len() < 4 {
                    leaves.push((folded.clone(), text));
                }
            }
            names.push(folded);
            self.text("", &name, layer);
            // What is encoded has no place there.
            let place = self.path.as_mut().filter(|_| layer == 0);
            let placed = place.map(|path| path.push(name.to_string())).is_some();
            self.value(&name, member.value(), layer);
            if placed && let Some(path) = &mut self.path {
                path.pop();
            }
        }
        for folder in &folders {
            for (name, leaf) in leaves.iter().filter(|(_, leaf)| leaf != folder) {
                self.tell(name, &format!("{folder}/{leaf}"), Form::Joined, layer);
            }
        }
        names.sort_unstable();
        self.odd.ambiguous |= names.windows(2).any(|pair| pair.first() == pair.last());
    }

    fn tell(&mut self, key: &str, value: &str, form: Form, layer: u8) {
        let path = self.path.as_deref().filter(|_| layer == 0);
        (self.each)(Text {
            key,
            value,
            form,
            path,
        });
    }

    fn text(&mut self, key: &str, text: &str, layer: u8) {
        if text.is_empty() {
            return;
        }
        self.tell(key, text, Form::String, layer);
        self.decode(key, text, layer);
    }

    /// Looks under JSON, percent escapes, base64 and hexadecimal.
    fn decode(&mut self, key: &str, text: &str, layer: u8) {
        if text.len() < SHORTEST && !text.contains('%') {
            return;
        }
        let trimmed = text.trim_start();
        if trimmed.starts_with(['{', '[']) && self.pay(layer, text.len()) {
            let limits = Limits {
                bytes: DECODED,
                depth: 32,
            };
            if let Ok(document) = Document::parse_with(text.as_bytes().to_vec(), limits) {
                self.value(key, document.root(), layer + 1);
                return;
            }
        }
        if text.contains('%')
            && let Some(plain) = percent_decoded(text)
            && self.pay(layer, plain.len())
        {
            self.text(key, &plain, layer + 1);
        }
        // What pads stands at the end, and before it `=` gives something a name: `to=aHR0cHM6Ly9`.
        for run in text.split(|c: char| c == '=' || !is_encoded(c)) {
            // As a whole, and as a segment of a path.
            let segments = run.contains('/').then(|| run.split('/'));
            for run in [run].into_iter().chain(segments.into_iter().flatten()) {
                if run.len() < SHORTEST {
                    continue;
                }
                for plain in [hex(run), base64(run)].into_iter().flatten() {
                    if self.pay(layer, plain.len()) {
                        self.text(key, &plain, layer + 1);
                    }
                }
            }
        }
        // Wrapped at 64 or 76 columns.
        if text.contains('\n') {
            let whole: String = text.split_whitespace().collect();
            if whole.len() >= SHORTEST
                && whole.chars().all(is_encoded)
                && let Some(plain) = base64(&whole)
                && self.pay(layer, plain.len())
            {
                self.text(key, &plain, layer + 1);
            }
        }
    }

    fn pay(&mut self, layer: u8, bytes: usize) -> bool {
        if layer >= DEPTH || bytes > self.left {
            self.odd.undecodable = true;
            return false;
        }
        self.left -= bytes;
        true
    }
}

const fn is_encoded(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=')
}

fn hex(run: &str) -> Option<String> {
    let run = run.strip_prefix("0x").unwrap_or(run);
    let bytes: Option<Vec<u8>> = run
        .as_bytes()
        .chunks(2)
        .map(|pair| hex_pair(Some(pair)))
        .collect();
    readable(bytes?)
}

fn base64(run: &str) -> Option<String> {
    let run = run.trim_end_matches('=');
    let engine = if run.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    readable(engine.decode(run).ok()?)
}

/// Text that somebody could read; most words decode to something that nobody can.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let odd = text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\0'));
    (!odd && !text.is_empty()).then_some(text)
}
