def start(conv):
    if conv.channel_type == "sms":
        conv.state.greet_message = "Hi, you've reached [Company]. How can I help?"


def respond(conv, message):
    conv.state.count = (conv.state.count or 0) + 1
    return {"utterance": f"{conv.state.count}: {message}"}
