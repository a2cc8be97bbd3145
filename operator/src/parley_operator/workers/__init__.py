"""What runs of itself: the queue of resources, and the list that finds what no watch told."""
