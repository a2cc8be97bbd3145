"""What speaks to PostgreSQL, to Twilio and to the session service."""
