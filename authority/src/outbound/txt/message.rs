//! DNS messages (RFC 1035 §4), as far as one question for TXT records needs them.

use super::UDP_BYTES;

#[cfg(test)]
mod tests;

const CNAME: u16 = 5;
const TXT: u16 = 16;
const OPT: u16 = 41;
const INTERNET: u16 = 1;
/// Bytes before the question.
const HEADER: usize = 12;
/// Most records of an answer that are read.
const RECORDS: u16 = 64;
/// Most other names that a name may stand for, one after the other.
const ALIASES: usize = 8;
/// Most labels and pointers of one name.
const STEPS: usize = 128;

/// What is no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS message")]
pub struct Malformed;

/// A name: its labels, in lower case.
type Name = Vec<Vec<u8>>;

/// One question for TXT records.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u16,
    name: Name,
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether there was not room for all of it.
    pub(super) truncated: bool,
    /// 0 for an answer, 3 when there is no such name.
    pub(super) code: u8,
    /// The text of each record.
    pub(super) texts: Vec<Vec<u8>>,
}

/// A record of an answer.
enum Record {
    Alias(Name, Name),
    Text(Name, Vec<u8>),
    Other,
}

impl Question {
    /// `None` when it is no name: labels of 1 to 63 bytes, at most 253 together.
    pub(super) fn new(id: u16, name: &str) -> Option<Self> {
        let labels = name.trim_end_matches('.').split('.');
        let name: Name = labels
            .map(|label| label.to_ascii_lowercase().into_bytes())
            .collect();
        let sound = |label: &Vec<u8>| (1..=63).contains(&label.len());
        let length: usize = name.iter().map(|label| label.len() + 1).sum();
        (name.iter().all(sound) && length <= 254).then_some(Self { id, name })
    }

    /// As it is sent: recursion desired, and answers of up to [`UDP_BYTES`] (RFC 6891).
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        let header = [self.id, 0x0100, 1, 0, 0, 1];
        bytes.extend(header.iter().flat_map(|word| word.to_be_bytes()));
        for label in &self.name {
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        let asked = [TXT, INTERNET];
        bytes.extend(asked.iter().flat_map(|word| word.to_be_bytes()));
        bytes.push(0);
        let options = [OPT, UDP_BYTES, 0, 0, 0];
        bytes.extend(options.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    /// What is answered to it; `None` when it answers another question.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(super) fn answer(&self, bytes: &[u8]) -> Result<Option<Answer>, Malformed> {
        let mut reader = Reader { bytes, at: 0 };
        let (id, flags) = (reader.word()?, reader.word()?);
        let (questions, answers) = (reader.word()?, reader.word()?);
        if id != self.id || flags & 0xf800 != 0x8000 {
            return Ok(None);
        }
        reader.at = HEADER;
        let code = u8::try_from(flags & 0x000f).unwrap_or_default();
        let mut answer = Answer {
            truncated: flags & 0x0200 != 0,
            code,
            texts: Vec::new(),
        };
        // Some that fail do not repeat the question.
        if questions == 0 && code != 0 {
            return Ok(Some(answer));
        }
        let asked = (reader.name()?, reader.word()?, reader.word()?);
        if questions != 1 || asked != (self.name.clone(), TXT, INTERNET) {
            return Ok(None);
        }
        if answer.truncated {
            return Ok(Some(answer));
        }
        let mut records = Vec::new();
        for _ in 0..answers.min(RECORDS) {
            records.push(reader.record()?);
        }
        answer.texts = texts(&self.name, records);
        Ok(Some(answer))
    }
}

/// The texts of a name, or of the one that it stands for.
fn texts(name: &Name, records: Vec<Record>) -> Vec<Vec<u8>> {
    let mut name = name;
    for _ in 0..ALIASES {
        let alias = records.iter().find_map(|record| match record {
            Record::Alias(of, stands_for) if of == name => Some(stands_for),
            _ => None,
        });
        match alias {
            Some(other) => name = other,
            None => break,
        }
    }
    let own = records.iter().filter_map(|record| match record {
        Record::Text(of, text) if of == name => Some(text.clone()),
        _ => None,
    });
    own.collect()
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    fn word(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// A name, which may end in a pointer to an earlier place (§4.1.4).
    fn name(&mut self) -> Result<Name, Malformed> {
        let mut name = Name::new();
        let mut back: Option<usize> = None;
        let mut length = 0;
        for _ in 0..STEPS {
            let start = self.at;
            match self.byte()? {
                0 => {
                    self.at = back.unwrap_or(self.at);
                    return Ok(name);
                }
                size @ 1..=63 => {
                    length += usize::from(size) + 1;
                    if length > 254 {
                        return Err(Malformed);
                    }
                    name.push(self.take(usize::from(size))?.to_ascii_lowercase());
                }
                high @ 192..=255 => {
                    let low = self.byte()?;
                    let to = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                    // Only backwards, so that it ends.
                    if to >= start {
                        return Err(Malformed);
                    }
                    back = back.or(Some(self.at));
                    self.at = to;
                }
                _ => return Err(Malformed),
            }
        }
        Err(Malformed)
    }

    fn record(&mut self) -> Result<Record, Malformed> {
        let of = self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        self.take(4)?;
        let length = usize::from(self.word()?);
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let record = match (kind, class) {
            (CNAME, INTERNET) => Record::Alias(of, self.name()?),
            (TXT, INTERNET) => {
                let mut data = Reader {
                    bytes: self.take(length)?,
                    at: 0,
                };
                let mut text = Vec::with_capacity(length);
                while data.at < length {
                    let size = usize::from(data.byte()?);
                    text.extend_from_slice(data.take(size)?);
                }
                Record::Text(of, text)
            }
            _ => {
                self.take(length)?;
                Record::Other
            }
        };
        if self.at != end {
            return Err(Malformed);
        }
        Ok(record)
    }
}
