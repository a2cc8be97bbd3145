"""How a Parley process lives: settings, lifecycle, gRPC, batches, errors, telemetry, logs, PostgreSQL.

Knows no service and no rule of any: what is said here would be true of any five processes.
"""
