"""Other people's software on embedded stores, in several processes."""
