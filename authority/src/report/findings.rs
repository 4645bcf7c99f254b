//! How grave findings are, and how many there are of each.

use std::fmt;

use mcps_core::json::Value;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth nothing: it is counted nowhere.
    None,
    /// CVSS below 4.
    Low,
    /// CVSS below 7.
    Medium,
    /// CVSS below 9.
    High,
    /// CVSS 9 and above.
    Critical,
    /// It does not say. Nobody knows then that it is not grave.
    Unrated,
}

impl Severity {
    /// By a CVSS base score (v3.1 §5).
    #[must_use]
    pub fn of_score(score: f64) -> Self {
        if !(0.0..=10.0).contains(&score) {
            Self::Unrated
        } else if score >= 9.0 {
            Self::Critical
        } else if score >= 7.0 {
            Self::High
        } else if score >= 4.0 {
            Self::Medium
        } else if score > 0.0 {
            Self::Low
        } else {
            Self::None
        }
    }

    /// By a word, in whatever case. A word that is not known says nothing.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "minor" | "negligible" => Self::Low,
            "none" | "info" | "informational" => Self::None,
            _ => Self::Unrated,
        }
    }

    /// By a number, a number in a text, or a word.
    #[must_use]
    pub fn of_value(value: Value<'_>) -> Self {
        match (value.as_f64(), value.as_str()) {
            (Some(score), _) => Self::of_score(score),
            (None, Some(text)) => match text.trim().parse::<f64>() {
                Ok(score) => Self::of_score(score),
                Err(_) => Self::of_word(text.trim()),
            },
            (None, None) => Self::Unrated,
        }
    }

    /// The gravest of several that say something; unrated when none does.
    pub fn gravest(all: impl Iterator<Item = Self>) -> Self {
        let known = all.filter(|one| *one != Self::Unrated);
        known.max().unwrap_or(Self::Unrated)
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Critical.
    pub critical: u32,
    /// High.
    pub high: u32,
    /// Medium.
    pub medium: u32,
    /// Low.
    pub low: u32,
    /// Of which the report does not say how grave they are.
    pub unrated: u32,
}

impl Findings {
    /// Counts one.
    pub fn add(&mut self, severity: Severity) {
        self.add_many(severity, 1);
    }

    /// `critical/high/medium/low/unrated`, as it is stored.
    #[must_use]
    pub fn counts(&self) -> String {
        let Self {
            critical,
            high,
            medium,
            low,
            unrated,
        } = self;
        format!("{critical}/{high}/{medium}/{low}/{unrated}")
    }

    /// Reads [`Findings::counts`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut counts = text.split('/').map(|count| count.parse().ok());
        let mut next = || counts.next().flatten();
        let read = Self {
            critical: next()?,
            high: next()?,
            medium: next()?,
            low: next()?,
            unrated: next()?,
        };
        counts.next().is_none().then_some(read)
    }

    /// Counts several.
    pub fn add_many(&mut self, severity: Severity, many: u32) {
        let count = match severity {
            Severity::None => return,
            Severity::Low => &mut self.low,
            Severity::Medium => &mut self.medium,
            Severity::High => &mut self.high,
            Severity::Critical => &mut self.critical,
            Severity::Unrated => &mut self.unrated,
        };
        *count = count.saturating_add(many);
    }
}

/// `2 critical, 1 low`, or `nothing found`.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.critical, "critical"),
            (self.high, "high"),
            (self.medium, "medium"),
            (self.low, "low"),
            (self.unrated, "without a severity"),
        ];
        let found = counts.iter().filter(|(count, _)| *count > 0);
        let found: Vec<_> = found
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        match found.is_empty() {
            true => f.write_str("nothing found"),
            false => f.write_str(&found.join(", ")),
        }
    }
}
