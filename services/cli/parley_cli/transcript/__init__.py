"""What was said in sessions, as people read it: lines, and a screen that keeps them current."""
