"""The daemon's HTTP interface: health, status, metrics."""
