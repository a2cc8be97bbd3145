"""Sends and lists messages through Twilio: the only place that knows its library."""
