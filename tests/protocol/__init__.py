"""What servers do with bytes that are not what they should be."""
