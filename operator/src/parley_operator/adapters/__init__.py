"""What stands between the rules and the world: the API server, Twilio, the session service, mounted files."""
