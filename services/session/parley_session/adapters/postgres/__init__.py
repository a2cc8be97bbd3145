"""Everything of the session service that speaks SQL."""
