"""Numbers at Twilio: the only place of the operator that knows its library."""
