//! The commands that make a stream what it is now.
//!
//!     XADD key id name value …          for each entry; without any, one that goes again
//!     XSETID key id ENTRIESADDED n MAXDELETEDID id
//!     XGROUP CREATE key group id ENTRIESREAD n
//!     XGROUP CREATECONSUMER key group consumer
//!     XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n JUSTID FORCE

use super::journal::Word;
use super::state::{Writer, number};
use crate::types::packed::IntText;
use crate::types::stream::{Stream, StreamId};

fn word(text: &str) -> Word {
    Word::from(text.as_bytes())
}

/// The word for an ID.
pub fn id_word(id: StreamId) -> Word {
    Word::Own(id.to_text())
}

pub(super) fn write(writer: &mut Writer<'_>, stream: &Stream) {
    let mut text = IntText::new();
    for entry in stream.range(StreamId::ZERO, StreamId::MAX) {
        let mut words = vec![id_word(entry.id)];
        for (name, value) in entry.pairs() {
            words.push(Word::from(name.bytes(&mut text)));
            words.push(Word::from(value.bytes(&mut text)));
        }
        writer.command("XADD", words);
    }
    if stream.is_empty() {
        let words = ["MAXLEN", "0", "0-1", "x", "y"];
        writer.command("XADD", words.map(word).to_vec());
    }
    writer.command(
        "XSETID",
        vec![
            id_word(stream.last_id),
            word("ENTRIESADDED"),
            number(stream.entries_added as i64),
            word("MAXDELETEDID"),
            id_word(stream.max_deleted_id),
        ],
    );
    for (name, group) in stream.groups() {
        let start = vec![Word::from(name), id_word(group.last_id)];
        let read = [word("ENTRIESREAD"), number(group.entries_read)];
        writer.sub_command("XGROUP", "CREATE", start.into_iter().chain(read).collect());
        for consumer in group.consumers() {
            let both = || vec![Word::from(name), Word::from(&*consumer.name)];
            writer.sub_command("XGROUP", "CREATECONSUMER", both());
            for id in consumer.pending.from(StreamId::ZERO) {
                let Some(nack) = group.pending.get(*id) else {
                    continue;
                };
                let mut words = both();
                words.extend([
                    word("0"),
                    id_word(*id),
                    word("TIME"),
                    number(nack.delivered_ms),
                ]);
                words.extend([word("RETRYCOUNT"), number(nack.deliveries as i64)]);
                words.extend([word("JUSTID"), word("FORCE")]);
                writer.command("XCLAIM", words);
            }
        }
    }
}
