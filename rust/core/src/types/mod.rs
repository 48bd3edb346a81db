//! The data structures. They know nothing of keys.
