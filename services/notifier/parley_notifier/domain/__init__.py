"""What is true of lanes and deliveries, whatever stores or sends them. Knows no clock, no chance and no wire."""
