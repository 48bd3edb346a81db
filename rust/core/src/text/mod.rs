//! Numbers and patterns as text.
