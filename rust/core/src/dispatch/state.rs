//! The commands that make a key what it is now, whatever it was before.
//!
//!     string      SET key value [PXAT ms]
//!     collection  DEL key, then RPUSH, SADD, HSET or ZADD of so many elements each,
//!                 HPEXPIREAT for a field's deadline, SPEXPIREAT or ZPEXPIREAT for a
//!                 member's, PEXPIREAT for the key's
//!     stream      as `state_streams` says
//!     no key      DEL key

use super::journal::{Effect, Word};
use super::state_streams;
use crate::keyspace::strings::IntText;
use crate::keyspace::{Entry, Kind, Value};
use crate::text::double;
use crate::types::home::Form;
use crate::types::list::packed::PackedList;
use crate::types::sorted_set::packed::PackedSortedSet;
use crate::types::table::Table;
use crate::types::{Content, Hash, Object, Set};

/// Elements in one command.
const ELEMENTS_MAX: usize = 64;

/// Collects commands of many elements.
pub(super) struct Writer<'k> {
    database: usize,
    key: &'k [u8],
    effects: Vec<Effect>,
}

impl Writer<'_> {
    pub(super) fn command(&mut self, name: &str, words: Vec<Word>) {
        let mut arguments = vec![Word::from(name.as_bytes()), Word::from(self.key)];
        arguments.extend(words);
        self.effects.push(Effect {
            database: self.database,
            arguments,
        });
    }

    /// `name subcommand key word …`.
    pub(super) fn sub_command(&mut self, name: &str, subcommand: &str, words: Vec<Word>) {
        let mut arguments = [name, subcommand]
            .map(|word| Word::from(word.as_bytes()))
            .to_vec();
        arguments.push(Word::from(self.key));
        arguments.extend(words);
        self.effects.push(Effect {
            database: self.database,
            arguments,
        });
    }

    /// `name key element …`, as often as it takes.
    fn elements(&mut self, name: &str, elements: impl Iterator<Item = Vec<Word>>) {
        let (mut words, mut count) = (Vec::new(), 0);
        for element in elements {
            words.extend(element);
            count += 1;
            if count == ELEMENTS_MAX {
                self.command(name, std::mem::take(&mut words));
                count = 0;
            }
        }
        if count > 0 {
            self.command(name, words);
        }
    }
}

pub(super) fn number(value: i64) -> Word {
    Word::from(IntText::new().format(value).as_bytes())
}

fn scored(member: &[u8], score: f64) -> Vec<Word> {
    let mut text = Vec::new();
    double::format_shortest(score, &mut text);
    vec![Word::Own(text), Word::from(member)]
}

/// What a key is, as commands; `entry` is None where there is no key.
pub fn effects_of(database: usize, key: &[u8], entry: Option<Entry<'_>>) -> Vec<Effect> {
    let mut writer = Writer {
        database,
        key,
        effects: Vec::new(),
    };
    let Some(entry) = entry else {
        writer.command("DEL", Vec::new());
        return writer.effects;
    };
    let deadline = entry.expires_at();
    if entry.kind() == Kind::String {
        let mut words = vec![string_of(entry)];
        if let Some(at) = deadline {
            words.extend([Word::from(b"PXAT".as_slice()), number(at)]);
        }
        writer.command("SET", words);
        return writer.effects;
    }
    writer.command("DEL", Vec::new());
    if let Some(content) = entry.content() {
        collection(&mut writer, entry.kind(), content);
    }
    if let Some(at) = deadline {
        writer.command("PEXPIREAT", vec![number(at)]);
    }
    writer.effects
}

fn string_of(entry: Entry<'_>) -> Word {
    match entry.value() {
        Value::Bytes(bytes) => Word::from(bytes),
        Value::Int(value) => number(value),
        Value::Shared(shared) => Word::Shared(shared.to_arc()),
        Value::Packed(_) | Value::Object(_) => Word::Own(Vec::new()),
    }
}

fn collection(writer: &mut Writer<'_>, kind: Kind, content: Content<'_>) {
    // Fields and members that are due are written, too: who reads this removes them.
    const ALL: i64 = i64::MIN;
    let mut text = IntText::new();
    match (kind, content) {
        (Kind::Hash, content) => {
            let hash = Hash::new(content, ALL);
            let pairs = hash.items().map(|record| {
                let field = Word::from(record.key.bytes(&mut text));
                vec![field, Word::from(record.value.bytes(&mut text))]
            });
            writer.elements("HSET", pairs);
            for record in hash.items() {
                if let Some(at) = record.deadline {
                    let [fields, one] = [b"FIELDS".as_slice(), b"1"].map(Word::from);
                    let field = Word::from(record.key.bytes(&mut text));
                    writer.command("HPEXPIREAT", vec![number(at), fields, one, field]);
                }
            }
        }
        (Kind::Set, content) => {
            let members = Set::new(content, ALL).iter();
            let members = members.map(|member| vec![Word::from(member.bytes(&mut text))]);
            writer.elements("SADD", members);
            if matches!(content, Content::Packed(Form::PackedIntegers, _)) {
                return;
            }
            for record in Table::new(content, false).iter() {
                if let Some(at) = record.deadline {
                    let [members, one] = [b"MEMBERS".as_slice(), b"1"].map(Word::from);
                    let member = Word::from(record.key.bytes(&mut text));
                    writer.command("SPEXPIREAT", vec![number(at), members, one, member]);
                }
            }
        }
        (Kind::List, Content::Packed(_, bytes)) => {
            let elements = PackedList::new(bytes).iter();
            let elements = elements.map(|element| vec![Word::from(element.bytes(&mut text))]);
            writer.elements("RPUSH", elements);
        }
        (_, Content::Object(Object::List(list))) => {
            // As many at a time as a command has.
            for start in (0..list.len()).step_by(ELEMENTS_MAX) {
                let mut words = Vec::with_capacity(ELEMENTS_MAX.min(list.len()));
                list.visit(start..start + ELEMENTS_MAX, |element| {
                    words.push(Word::from(element));
                });
                writer.command("RPUSH", words);
            }
        }
        (Kind::SortedSet, Content::Packed(_, bytes)) => {
            let entries = PackedSortedSet::new(bytes).iter();
            let entries = entries.map(|(member, score)| scored(member.bytes(&mut text), score));
            writer.elements("ZADD", entries);
        }
        (_, Content::Object(Object::SortedSet(set))) => {
            writer.elements(
                "ZADD",
                set.iter().map(|(member, score)| scored(member, score)),
            );
            for (member, at) in set.timed(0) {
                let [members, one] = [b"MEMBERS".as_slice(), b"1"].map(Word::from);
                let words = vec![number(at), members, one, Word::from(member)];
                writer.command("ZPEXPIREAT", words);
            }
        }
        (_, Content::Object(Object::Stream(stream))) => state_streams::write(writer, stream),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Database, Encoding, Expiry, NewValue};
    use crate::seed::HashSeed;
    use crate::types::home::Limits;
    use crate::types::record::Deadline;
    use crate::types::{Detached, HashMut, List, SetMut, list, sorted_set};

    const KEY: &[u8] = b"k";

    fn commands(value: NewValue<'_>, expiry: Expiry) -> Vec<String> {
        let mut database = Database::new(HashSeed::fixed(1));
        database.set(KEY, value, expiry);
        let text = |effect: &Effect| {
            let words = effect
                .arguments
                .iter()
                .map(|word| String::from_utf8_lossy(word));
            words.collect::<Vec<_>>().join(" ")
        };
        effects_of(0, KEY, database.find(KEY))
            .iter()
            .map(text)
            .collect()
    }

    #[test]
    fn strings_and_deadlines() {
        let big = "x".repeat(20_000);
        assert_eq!(
            commands(NewValue::Int(-7), Expiry::At(99)),
            ["SET k -7 PXAT 99"]
        );
        assert_eq!(
            commands(NewValue::String(big.as_bytes()), Expiry::None),
            [format!("SET k {big}")]
        );
        assert_eq!(effects_of(0, KEY, None).len(), 1);
    }

    #[test]
    fn hashes_with_the_deadlines_of_their_fields() {
        let seed = HashSeed::fixed(1);
        for entries_max in [0, 512] {
            let mut made = Detached::new();
            let limits = Limits {
                entries_max,
                ..Limits::of_hashes(&seed)
            };
            let mut hash = HashMut::new(&mut made, limits, 0);
            hash.set(b"f", b"1", Deadline::At(5));
            let value = NewValue::of_detached(Kind::Hash, &mut made);
            let wanted = [
                "DEL k",
                "HSET k f 1",
                "HPEXPIREAT k 5 FIELDS 1 f",
                "PEXPIREAT k 9",
            ];
            assert_eq!(commands(value, Expiry::At(9)), wanted);
        }
    }

    #[test]
    fn many_members_take_several_commands() {
        let seed = HashSeed::fixed(1);
        let mut made = Detached::new();
        let mut set = SetMut::new(&mut made, Limits::of_sets(&seed), 0);
        for member in 0..130 {
            set.add(format!("{member}").as_bytes());
        }
        let got = commands(NewValue::of_detached(Kind::Set, &mut made), Expiry::None);
        assert_eq!(got.len(), 4);
        assert_eq!(got[3], "SADD k 128 129");
    }

    #[test]
    fn lists_and_sorted_sets_in_both_forms() {
        let mut list = List::new();
        for element in ["b", "a", "1"] {
            list.push_back(element.as_bytes());
        }
        let packed = list::packed::from_list(&list);
        let entries = [(b"a".as_slice(), -1.5), (b"b", f64::INFINITY)];
        let scored = sorted_set::SortedSet::from_sorted(entries);
        let packed_scored = sorted_set::packed::from_sorted(entries);
        let of_bytes = |kind, bytes| NewValue::Packed {
            kind,
            encoding: Encoding::Packed,
            bytes,
        };
        let of_object = |kind, object| NewValue::Object {
            kind,
            object: Box::new(object),
        };
        for value in [
            of_bytes(Kind::List, &packed),
            of_object(Kind::List, Object::List(list)),
        ] {
            assert_eq!(commands(value, Expiry::None), ["DEL k", "RPUSH k b a 1"]);
        }
        for value in [
            of_bytes(Kind::SortedSet, &packed_scored),
            of_object(Kind::SortedSet, Object::SortedSet(scored)),
        ] {
            let got = commands(value, Expiry::None);
            assert_eq!(got, ["DEL k", "ZADD k -1.5 a inf b"]);
        }
    }
}
