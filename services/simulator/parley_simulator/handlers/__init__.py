"""What happens when something is asked of the simulated Twilio: one file per case."""
