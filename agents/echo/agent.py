"""Greets on SMS, then repeats what the participant writes."""


def start(conv):
    if conv.channel_type == "sms":
        conv.state.greet_message = "Hi, you've reached [Company]. How can I help?"


def respond(conv, message):
    return f"You said: {message}"
