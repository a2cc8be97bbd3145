"""A phone in the browser: one participant's conversation with one of the account's numbers.

The page speaks to the control plane, on whose port it is served.
"""
