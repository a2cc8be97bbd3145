"""A Twilio on loopback: REST API, signed webhooks, faults on demand. Never for production."""
