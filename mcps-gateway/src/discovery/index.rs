//! An inverted index with BM25 weights (Robertson and Zaragoza, *The Probabilistic Relevance
//! Framework*, 2009), over what one caller may see of it.
//!
//! How much a word is worth depends on how many tools have it. Those are counted among the tools of
//! the caller's mask alone, as is their mean length: what is hidden changes no score.

use std::collections::HashMap;

use mcps_core::json::Value;

use super::terms;

/// How soon more of the same word counts for nothing more.
const K1: f64 = 1.2;
/// How far long descriptions are held against a tool.
const B: f64 = 0.75;
/// What a word counts in the tool's name, its title, and elsewhere.
const NAME: u32 = 4;
const TITLE: u32 = 2;
const TEXT: u32 = 1;
/// Words that are read of one text, and of one query.
const MAX_WORDS: usize = 2000;
const MAX_QUERY: usize = 64;
/// How deep schemas are followed.
const MAX_DEPTH: usize = 4;

/// One tool to be found.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its server's name.
    pub server: &'a str,
    /// The definition, as its server wrote it.
    pub definition: Value<'a>,
}

/// A tool that has a word.
#[derive(Clone, Copy, Debug)]
struct Posting {
    tool: u32,
    weight: u32,
}

/// All tools, by the words that they have.
#[derive(Debug, Default)]
pub struct Index {
    words: HashMap<Box<str>, Vec<Posting>>,
    /// How long each is, in weighted words.
    lengths: Vec<u32>,
}

/// Which tools of an index somebody may see.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    bits: Vec<u64>,
    count: u32,
    length: u64,
}

/// A tool that was found, by its place in the index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its place.
    pub tool: u32,
    /// How well it fits.
    pub score: f64,
}

impl Mask {
    fn sees(&self, tool: u32) -> bool {
        let word = usize::try_from(tool / 64).ok();
        let bits = word.and_then(|word| self.bits.get(word)).copied();
        bits.unwrap_or_default() >> (tool % 64) & 1 == 1
    }

    /// How many tools it shows.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Index {
    /// Of these tools, whose places are in this order.
    pub fn new<'a>(subjects: impl IntoIterator<Item = Subject<'a>>) -> Self {
        let mut index = Self::default();
        let mut own: HashMap<Box<str>, u32> = HashMap::new();
        for (subject, tool) in subjects.into_iter().zip(0..u32::MAX) {
            let mut length = 0_u32;
            read(subject, &mut |word, weight| {
                length = length.saturating_add(weight);
                match own.get_mut(word) {
                    Some(held) => *held = held.saturating_add(weight),
                    None => {
                        own.insert(word.into(), weight);
                    }
                }
            });
            index.lengths.push(length);
            for (word, weight) in own.drain() {
                let postings = index.words.entry(word).or_default();
                postings.push(Posting { tool, weight });
            }
        }
        index
    }

    /// What of it somebody may see.
    pub fn mask(&self, mut sees: impl FnMut(u32) -> bool) -> Mask {
        let mut mask = Mask {
            bits: vec![0; self.lengths.len().div_ceil(64)],
            ..Mask::default()
        };
        for (&length, tool) in self.lengths.iter().zip(0_u32..) {
            if !sees(tool) {
                continue;
            }
            let word = usize::try_from(tool / 64).ok();
            if let Some(bits) = word.and_then(|word| mask.bits.get_mut(word)) {
                *bits |= 1 << (tool % 64);
                mask.count += 1;
                mask.length += u64::from(length);
            }
        }
        mask
    }

    /// The tools of the mask that fit best, best first; of equal ones in the order of the index.
    #[must_use]
    pub fn search(&self, query: &str, mask: &Mask, limit: usize) -> Vec<Hit> {
        let mut words: Vec<String> = Vec::new();
        terms::each(query, MAX_QUERY, |word| {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        });
        let all = f64::from(mask.count);
        let length = u32::try_from(mask.length).unwrap_or(u32::MAX);
        let mean = (f64::from(length) / all.max(1.0)).max(1.0);
        let mut scores = vec![0.0_f64; self.lengths.len()];
        let mut seen: Vec<Posting> = Vec::new();
        for word in &words {
            let Some(postings) = self.words.get(word.as_str()) else {
                continue;
            };
            seen.clear();
            seen.extend(postings.iter().filter(|posting| mask.sees(posting.tool)));
            let have = f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX));
            let worth = ((all - have + 0.5) / (have + 0.5)).ln_1p();
            for Posting { tool, weight } in &seen {
                let Ok(place) = usize::try_from(*tool) else {
                    continue;
                };
                let own = self.lengths.get(place).copied().unwrap_or_default();
                let (weight, own) = (f64::from(*weight), f64::from(own));
                let damped = weight * (K1 + 1.0) / (weight + K1 * (1.0 - B + B * own / mean));
                if let Some(score) = scores.get_mut(place) {
                    *score += worth * damped;
                }
            }
        }
        best(&scores, limit)
    }
}

fn best(scores: &[f64], limit: usize) -> Vec<Hit> {
    let scored = scores.iter().zip(0_u32..);
    let scored = scored.filter(|(score, _)| **score > 0.0);
    let mut hits: Vec<Hit> = scored.map(|(&score, tool)| Hit { tool, score }).collect();
    let order = |one: &Hit, other: &Hit| {
        let by_score = other.score.total_cmp(&one.score);
        by_score.then(one.tool.cmp(&other.tool))
    };
    if hits.len() > limit && limit > 0 {
        hits.select_nth_unstable_by(limit - 1, order);
    }
    hits.truncate(limit);
    hits.sort_by(order);
    hits
}

/// Calls `each` with every word of a tool and what it counts.
fn read(subject: Subject<'_>, each: &mut impl FnMut(&str, u32)) {
    let tool = subject.definition;
    let mut text = |value: Option<Value<'_>>, weight: u32| {
        if let Some(text) = value.and_then(Value::as_str) {
            terms::each(&text, MAX_WORDS, |word| each(word, weight));
        }
    };
    text(tool.get("name"), NAME);
    text(tool.get("title"), TITLE);
    let titled = tool.get("annotations");
    text(titled.and_then(|hints| hints.get("title")), TITLE);
    text(tool.get("description"), TEXT);
    terms::each(subject.server, MAX_WORDS, |word| each(word, TEXT));
    if let Some(schema) = tool.get("inputSchema") {
        parameters(schema, MAX_DEPTH, each);
    }
}

fn parameters(schema: Value<'_>, depth: usize, each: &mut impl FnMut(&str, u32)) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    for property in properties.into_iter().flatten() {
        terms::each(&property.name(), MAX_WORDS, |word| each(word, TEXT));
        let value = property.value();
        if let Some(text) = value.get("description").and_then(Value::as_str) {
            terms::each(&text, MAX_WORDS, |word| each(word, TEXT));
        }
        parameters(value, depth, each);
    }
    if let Some(items) = schema.get("items") {
        parameters(items, depth, each);
    }
}
