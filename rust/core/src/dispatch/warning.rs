//! What the log must tell, and no client asked for.

/// What the core has to say to whoever runs it.
#[derive(Debug)]
pub enum Warning<'a> {
    /// A web browser was led here and hung up on.
    Browser { address: &'a str },
    /// A bug left the value of a key damaged; writes stop.
    Damaged { key: &'a [u8], problem: String },
    /// Triggers were not told of events: they caused each other, or there were too many.
    LeftOut { events: u64 },
    /// After a panic a library of functions could not be loaded again; its source is kept.
    Unloaded {
        library: &'a [u8],
        problem: &'a [u8],
    },
}
