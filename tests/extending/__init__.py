"""Commands of one's own: what users see of them."""
