"""`rubellite memory`: which keys, prefixes, types and encodings take how much memory."""
