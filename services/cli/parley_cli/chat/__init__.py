"""An agent at the terminal, without a stack: turns that are looked at, silence that is passed over."""
