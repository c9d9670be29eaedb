"""What an operator sees from outside: logs and metrics."""
