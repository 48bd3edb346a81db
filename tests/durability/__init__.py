"""What is on disk survives: restarts, crashes, full disks, other servers."""
