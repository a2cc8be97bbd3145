"""What Twilio knows and decides, as plain values: no clock, no randomness, no input or output."""
