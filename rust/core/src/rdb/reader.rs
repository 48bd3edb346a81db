//! Reads a file: one item after the other.

use std::io::Read;

use super::build::{
    Context, remove_due_fields, remove_due_members, remove_due_scored, set_deadlines,
};
use super::input::Input;
use super::value::{self, Buffers, Value};
use super::{DEADLINES_AUX, Error, Family, REDIS_VERSION_MAX, Result, VALKEY_VERSION, opcode};
use crate::keyspace::Kind;
use crate::types::home::Detached;

/// What stands in a file.
#[derive(Debug)]
pub enum Item {
    Aux {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    /// The keys that follow belong to this database.
    Select(u64),
    /// So many keys follow, and so many of them have deadlines.
    Resize {
        keys: u64,
        volatile: u64,
    },
    /// A key; see `Reader::key`.
    Key(Value),
    /// The source of a library of functions.
    Library(Vec<u8>),
    /// Something that is not data of ours.
    Skipped(String),
    End,
}

/// What a file says of the last key.
#[derive(Debug, Default)]
pub struct Key {
    pub name: Vec<u8>,
    /// Milliseconds since 1970.
    pub expires_at: Option<i64>,
    pub idle_seconds: Option<u64>,
    pub frequency: Option<u8>,
}

/// Of what kind and version a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub family: Family,
    pub version: u32,
}

impl Signature {
    /// Judges the first nine bytes.
    fn parse(bytes: [u8; 9]) -> Result<Signature> {
        let corrupt = |reason: String| Error::Corrupt { offset: 0, reason };
        let (family, digits) = if bytes.starts_with(b"REDIS") {
            (Family::Redis, &bytes[5..])
        } else if bytes.starts_with(b"VALKEY") {
            (Family::Valkey, &bytes[6..])
        } else {
            return Err(corrupt("this is no RDB file".into()));
        };
        let text = std::str::from_utf8(digits).ok();
        let version = text.and_then(|text| text.parse().ok());
        let version = version.ok_or_else(|| corrupt("an RDB file without a version".into()))?;
        let is_known = match family {
            Family::Redis => (1..=REDIS_VERSION_MAX).contains(&version),
            Family::Valkey => version == VALKEY_VERSION,
        };
        if !is_known {
            return Err(Error::Unsupported {
                offset: 0,
                reason: format!("{family:?} RDB files of version {version} are not known here"),
            });
        }
        Ok(Signature { family, version })
    }
}

/// Reads a file from its first byte to its checksum.
pub struct Reader<'a, R> {
    input: Input<R>,
    context: Context<'a>,
    buffers: Buffers,
    pub signature: Signature,
    key: Key,
    /// An AUX field that was read while looking for the last key's deadlines.
    waiting: Option<(Vec<u8>, Vec<u8>)>,
    checks_checksum: bool,
}

impl<'a, R: Read> Reader<'a, R> {
    /// Reads the signature.
    pub fn new(source: R, context: Context<'a>, checks_checksum: bool) -> Result<Self> {
        let mut input = Input::new(source, checks_checksum);
        let signature = Signature::parse(input.array()?)?;
        Ok(Reader {
            input,
            context,
            buffers: Buffers::default(),
            signature,
            key: Key::default(),
            waiting: None,
            checks_checksum,
        })
    }

    /// The key of the last `Item::Key`.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Takes back the bytes of a string that nobody needs any more, for the next.
    #[inline]
    pub fn take_back(&mut self, text: Vec<u8>) {
        self.buffers.take_back(text);
    }

    /// Bytes read so far.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// An error at this place of the file.
    pub fn corrupt(&self, reason: impl Into<String>) -> Error {
        self.input.corrupt(reason)
    }

    /// The next item; `Item::End` is the last.
    pub fn next_item(&mut self) -> Result<Item> {
        if let Some((key, value)) = self.waiting.take() {
            return Ok(Item::Aux { key, value });
        }
        (self.key.expires_at, self.key.idle_seconds) = (None, None);
        self.key.frequency = None;
        loop {
            let input = &mut self.input;
            match input.byte()? {
                opcode::EXPIRE => {
                    let seconds = i32::from_le_bytes(input.array()?);
                    self.key.expires_at = Some(i64::from(seconds) * 1000);
                }
                opcode::EXPIRE_MS => self.key.expires_at = Some(input.milliseconds()?),
                opcode::FREQUENCY => self.key.frequency = Some(input.byte()?),
                opcode::IDLE => self.key.idle_seconds = Some(input.length()?),
                opcode::SELECT => return Ok(Item::Select(input.length()?)),
                opcode::RESIZE => {
                    let (keys, volatile) = (input.length()?, input.length()?);
                    return Ok(Item::Resize { keys, volatile });
                }
                opcode::AUX => {
                    let (key, value) = (input.owned_string()?, input.owned_string()?);
                    return Ok(Item::Aux { key, value });
                }
                opcode::SLOT_INFO => {
                    for _ in 0..3 {
                        input.length()?;
                    }
                }
                opcode::SLOT_IMPORT => {
                    input.skip_string()?;
                    for _ in 0..input.length()?.saturating_mul(2) {
                        input.length()?;
                    }
                    return Ok(Item::Skipped("a slot being imported".into()));
                }
                opcode::FUNCTION => return Ok(Item::Library(input.owned_string()?)),
                opcode::FUNCTION_PREVIEW => {
                    return Err(Error::Unsupported {
                        offset: input.offset(),
                        reason: "Pre-GA function format not supported".into(),
                    });
                }
                opcode::MODULE_AUX => {
                    let name = value::module_name(input.length()?);
                    for _ in 0..2 {
                        input.length()?;
                    }
                    value::skip_module_data(input)?;
                    return Ok(Item::Skipped(format!("data of the module '{name}'")));
                }
                opcode::END => {
                    self.end()?;
                    return Ok(Item::End);
                }
                type_number => return self.read_key(type_number),
            }
        }
    }

    fn read_key(&mut self, type_number: u8) -> Result<Item> {
        self.input.string(&mut self.key.name)?;
        let family = self.signature.family;
        let (context, buffers) = (self.context, &mut self.buffers);
        let mut read = value::read(&mut self.input, type_number, family, context, buffers)?;
        if let Value::Collection(kind @ (Kind::Hash | Kind::Set | Kind::SortedSet), collection) =
            &mut read
            && !self.read_deadlines(*kind, collection)?
        {
            read = Value::Expired;
        }
        Ok(Item::Key(read))
    }

    /// Reads the AUX fields with deadlines that belong to the last key. False: all of it
    /// has expired.
    fn read_deadlines(&mut self, kind: Kind, collection: &mut Detached) -> Result<bool> {
        let mut are_any = false;
        while self.input.peek()? == Some(opcode::AUX) {
            self.input.byte()?;
            let (key, value) = (self.input.owned_string()?, self.input.owned_string()?);
            if key != DEADLINES_AUX {
                self.waiting = Some((key, value));
                break;
            }
            are_any = true;
            set_deadlines(kind, collection, self.context, &value)
                .map_err(|fault| self.corrupt(fault))?;
        }
        Ok(match kind {
            _ if !are_any => true,
            Kind::Hash => remove_due_fields(collection, self.context),
            Kind::SortedSet => remove_due_scored(collection, self.context),
            _ => remove_due_members(collection, self.context),
        })
    }

    /// Compares checksums. Files before version 5 have none; 0 says that none was made.
    fn end(&mut self) -> Result<()> {
        let has_checksum = self.signature.family == Family::Valkey || self.signature.version >= 5;
        if !has_checksum {
            return Ok(());
        }
        let ours = self.input.checksum();
        let theirs = u64::from_le_bytes(self.input.array()?);
        if self.checks_checksum && theirs != 0 && theirs != ours {
            return Err(self.corrupt(format!(
                "the checksum is {ours:016x} but the file says {theirs:016x}"
            )));
        }
        Ok(())
    }
}
