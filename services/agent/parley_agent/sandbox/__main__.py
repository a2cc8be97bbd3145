"""Starts a zygote: `python -m parley_agent.sandbox <descriptor of its control socket>`."""

from parley_agent.sandbox.zygote import main

main()
