"""`rubellite cli`: a shell for servers and data directories, as redis-cli is one."""
