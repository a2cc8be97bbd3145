def respond(conv, message):
    if message == "a person, please":
        return {"utterance": "One moment.", "handoff": {"destination": "desk", "reason": "asked for one"}}
    if message == "bye":
        return {"utterance": "Goodbye!", "hangup": True}
    return f"heard {message}"
