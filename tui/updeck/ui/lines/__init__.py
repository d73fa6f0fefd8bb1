"""What is drawn, as pure lines."""
