"""What a webhook is and whether to believe it: forms, signatures, fields. Pure."""
