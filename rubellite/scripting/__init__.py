"""Scripts of clients: what may be asked of them. They run in the core (`rust/lua`)."""
