"""Phones in the browser: what each participant sees, and the stations that each of their texts passed.

Plain ES modules and CSS, served as they stand here by routes/phone.py. They speak to the control plane only.
"""
