def respond(conv, message):
    if message == "crash":
        raise RuntimeError("a fault of the agent's own")
    return {"utterance": "fine again"}
