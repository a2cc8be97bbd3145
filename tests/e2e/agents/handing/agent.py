def respond(conv, message):
    if message == "a person, please":
        return {"utterance": "One moment.", "handoff": {"destination": "desk", "reason": "asked for a person"}}
    return {"utterance": f"heard {message} after {len(conv.history)}"}
