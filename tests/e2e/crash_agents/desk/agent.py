def respond(conv, message):
    conv.state.count = (conv.state.count or 0) + 1
    return {"utterance": f"{conv.state.count}: {message}"}
