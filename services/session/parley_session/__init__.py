"""The session service: the rules of threads, sessions and turns, and the hand-off of what agents say.

Has no Twilio client, code or credential: ids of providers are opaque here.
"""
