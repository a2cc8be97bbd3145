"""What connects the session service to PostgreSQL, to agents and to the notifier."""
