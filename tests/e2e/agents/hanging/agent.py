def respond(conv, message):
    conv.state.count = (conv.state.count or 0) + 1
    if message == "bye":
        return {"utterance": f"Goodbye after {conv.state.count}.", "hangup": True}
    return {"utterance": f"text {conv.state.count}"}
