//! The marker of a store, and the scripts that ask for it before they do anything.

use std::sync::atomic::{AtomicU64, Ordering};

use mcps_core::clock::Timestamp;
use redis::{Script, Value};

use super::SharedError;
use super::note::UNREADABLE;

/// What a store is known by.
#[derive(Debug)]
pub(super) struct Marker {
    /// 32 hexadecimal digits, made anew with each store.
    pub(super) id: String,
    /// Raised with each change of what follows.
    pub(super) revision: u64,
    /// When it was made.
    pub(super) made: Timestamp,
    /// What was signed earlier may have been accepted by somebody whose memory is not in it.
    pub(super) floor: Timestamp,
    /// There was one before, and what was in it is gone.
    pub(super) lost: bool,
    /// The most writes that are known of.
    seen: AtomicU64,
}

impl Marker {
    pub(super) const fn new(
        id: String,
        revision: u64,
        (made, floor): (Timestamp, Timestamp),
        lost: bool,
        seen: u64,
    ) -> Self {
        Self {
            id,
            revision,
            made,
            floor,
            lost,
            seen: AtomicU64::new(seen),
        }
    }

    /// The most writes that are known of. A store that counts fewer has lost some.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    pub(super) fn saw(&self, number: u64) {
        self.seen.fetch_max(number, Ordering::AcqRel);
    }

    /// Whether nothing is another but how many writes there were.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.revision == other.revision
    }

    /// Reads what [`join`] returns.
    pub(super) fn read(value: &Value) -> Result<Self, SharedError> {
        let [id, seen, revision, made, floor, lost] = items(value)? else {
            return Err(SharedError::Unreadable);
        };
        let id = String::from_utf8(bytes(id)?.to_vec()).map_err(|_| SharedError::Unreadable)?;
        let time = |value| number(value).map(Timestamp::from_millis);
        let count = |value| {
            let number = number(value)?;
            u64::try_from(number).map_err(|_| SharedError::Unreadable)
        };
        Ok(Self::new(
            id,
            count(revision)?,
            (time(made)?, time(floor)?),
            number(lost)? != 0,
            count(seen)?,
        ))
    }
}

/// What a script returns, as a list.
pub(super) fn items(value: &Value) -> Result<&[Value], SharedError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(SharedError::Unreadable),
    }
}

pub(super) fn bytes(value: &Value) -> Result<&[u8], SharedError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(SharedError::Unreadable),
    }
}

/// A number, or the text of one.
pub(super) fn number(value: &Value) -> Result<i64, SharedError> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::BulkString(text) => {
            let text = str::from_utf8(text).ok();
            let number = text.and_then(|text| text.parse().ok());
            number.ok_or(SharedError::Unreadable)
        }
        _ => Err(SharedError::Unreadable),
    }
}

/// Finds the marker or makes one. `KEYS`: the marker. `ARGV`: an id for a new one, the time, the first
/// time that is certainly later than all that was ever accepted, the id that the caller knows or
/// nothing, how many writes it saw there, and before which time it may have accepted by itself.
///
/// A new one that somebody misses another for (it is gone, counts fewer writes than were seen, or is
/// none of those that took its place) begins with everything lost. `before` says whose place it takes, so
/// that the others who miss the same follow and make no further one. Whoever cannot say which it knew
/// misses what nobody else does.
///
/// One that nobody misses another for is new, or the caller is, and what was before is gone: it refuses what
/// was signed before it all the same.
pub(super) fn join() -> Script {
    let text = r"
local f = redis.call('HMGET', KEYS[1], 'id', 'seq', 'rev', 'made', 'floor', 'lost', 'before')
local known, rev, floor = ARGV[4], tonumber(f[3]) or 0, f[5]
local function make(lost, before, seq)
  rev, floor = rev + 1, ARGV[3]
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'seq', seq, 'rev', rev,
    'made', ARGV[2], 'floor', floor, 'lost', lost, 'before', string.sub(before, -1024))
end
if not f[1] then
  if known == '' then make(0, '', 0) else make(1, known .. ' ', 0) end
elseif f[1] == known then
  if tonumber(f[2]) < tonumber(ARGV[5]) then make(1, f[7] .. known .. ' ', ARGV[5]) end
elseif known == 'UNREADABLE' or known ~= '' and not string.find(f[7], known .. ' ', 1, true) then
  make(1, f[7] .. f[1] .. ' ' .. known .. ' ', 0)
end
if tonumber(ARGV[6]) > tonumber(floor) then
  redis.call('HSET', KEYS[1], 'floor', ARGV[6], 'rev', rev + 1)
end
return redis.call('HMGET', KEYS[1], 'id', 'seq', 'rev', 'made', 'floor', 'lost')
";
    Script::new(&text.replace("UNREADABLE", UNREADABLE))
}

/// How each of the others begins: `ARGV` are the marker's id, its revision, and how many writes of it
/// were seen.
const SAME: &str = r"
local m = redis.call('HMGET', KEYS[1], 'id', 'rev', 'seq')
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] or tonumber(m[3]) < tonumber(ARGV[3]) then return {0} end
";

/// Takes note of a nonce. `KEYS`: the marker, the nonce. `ARGV`: …, for how many milliseconds.
/// Returns 0 when the store is another, 2 when it is known, else 1 and the number of the write.
pub(super) fn take() -> Script {
    let text = r"
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[4]) then return {2} end
return {1, redis.call('HINCRBY', KEYS[1], 'seq', 1)}
";
    Script::new(&[SAME, text].concat())
}

/// Bytes that a writer adds to the tag of a write. After a failover numbers may be counted anew, and two
/// writes have the same; these they do not have in common.
pub(super) const SALT: usize = 16;
/// Bytes of a tag: the store's id, the number of the write, and the salt.
pub(super) const TAG: usize = 32 + 16 + SALT;

/// The tag of a write.
pub(super) fn tag(marker: &Marker, number: u64, salt: [u8; SALT]) -> Vec<u8> {
    let mut tag = format!("{}{number:016}", marker.id).into_bytes();
    tag.extend(salt);
    tag
}

/// Compares three histories and writes them. `KEYS`: the marker, the histories. `ARGV`: …, for how many
/// milliseconds they are kept (longer where another gateway's policies asked for that), the salt, then for
/// each the tag that it should have and what it becomes, or nothing. Returns 0 when the store is another, 2
/// and all three when one of them is another, else 1 and the number of the write.
pub(super) fn commit() -> Script {
    let text = r"
for at = 1, 3 do
  if redis.call('GETRANGE', KEYS[1 + at], 0, 63) ~= ARGV[4 + 2 * at] then
    local all = {2}
    for other = 1, 3 do all[1 + other] = redis.call('GETRANGE', KEYS[1 + other], 0, -1) end
    return all
  end
end
local seq = tonumber(m[3])
if ARGV[7] ~= '' or ARGV[9] ~= '' or ARGV[11] ~= '' then seq = redis.call('HINCRBY', KEYS[1], 'seq', 1) end
for at = 1, 3 do
  local becomes = ARGV[5 + 2 * at]
  if becomes ~= '' then
    local keep = math.max(redis.call('PTTL', KEYS[1 + at]), tonumber(ARGV[4]))
    redis.call('SET', KEYS[1 + at], ARGV[1] .. string.format('%016d', seq) .. ARGV[5] .. becomes,
      'PX', string.format('%d', keep))
  end
end
return {1, seq}
";
    Script::new(&[SAME, text].concat())
}
